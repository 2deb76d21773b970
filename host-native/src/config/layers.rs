//! The layers: a flag, else the environment, else the file (B-10).

use std::path::{Path, PathBuf};

use super::file::{File, Text};
use super::source::{Given, Source, variable};
use super::{ConfigError, Environment, ServeArgs, lists};

/// What is given in every place.
pub(super) struct Layers<'a> {
    pub(super) args: &'a ServeArgs,
    pub(super) environment: &'a Environment,
    pub(super) file: File,
    path: Option<PathBuf>,
}

/// What is given under this key, whose name is the same in the flags and in the file. One of the methods of
/// [`Layers`] reads it.
macro_rules! given {
    ($layers:ident . $read:ident, $key:literal, $field:ident) => {
        $layers.$read($key, $layers.args.$field.as_ref(), $layers.file.$field.as_ref())
    };
}
pub(super) use given;

impl<'a> Layers<'a> {
    /// Reads the file, if there is to be one.
    pub(super) fn open(args: &'a ServeArgs, environment: &'a Environment) -> Result<Self, ConfigError> {
        let mut layers = Self { args, environment, file: File::default(), path: None };
        if let Some(config) = layers.path("config", args.config.as_ref(), None)? {
            layers.file = File::read(&config.value)?;
            layers.path = Some(config.value);
        }
        Ok(layers)
    }

    /// A single value.
    pub(super) fn text(
        &self,
        key: &'static str,
        flag: Option<&String>,
        in_file: Option<&Text>,
    ) -> Result<Option<Given<String>>, ConfigError> {
        self.pick(key, flag.cloned(), |text| Ok(text.to_owned()), in_file.map(|text| text.0.clone()))
    }

    /// A yes or no; not given is no.
    pub(super) fn switch(
        &self,
        key: &'static str,
        flag: Option<&bool>,
        in_file: Option<&bool>,
    ) -> Result<Option<Given<bool>>, ConfigError> {
        self.pick(key, flag.copied(), lists::switch, in_file.copied())
    }

    /// Several values; on the command line and in the environment with commas between them.
    pub(super) fn list(
        &self,
        key: &'static str,
        flag: Option<&Vec<String>>,
        in_file: Option<&Vec<String>>,
    ) -> Result<Option<Given<Vec<String>>>, ConfigError> {
        let flag = flag.map(|values| lists::split(&values.join(",")));
        self.pick(key, flag, |text| Ok(lists::split(text)), in_file.cloned())
    }

    /// A path, made absolute. A relative one in the file starts at the file's directory, any other at the
    /// working directory.
    pub(super) fn path(
        &self,
        key: &'static str,
        flag: Option<&PathBuf>,
        in_file: Option<&PathBuf>,
    ) -> Result<Option<Given<PathBuf>>, ConfigError> {
        let given = self.pick(key, flag.cloned(), |text| Ok(PathBuf::from(text)), in_file.cloned())?;
        given
            .map(|given| {
                let value = given.read(|path| self.absolute(path, &given.from))?;
                Ok(Given { value, ..given })
            })
            .transpose()
    }

    /// The path that is meant by one that stands there.
    pub(super) fn absolute(&self, path: &Path, from: &Source) -> Result<PathBuf, String> {
        let beside = match from {
            Source::File(file) => file.with_file_name("").join(path),
            Source::Flag | Source::Variable(_) | Source::Default => path.to_owned(),
        };
        std::path::absolute(beside).map_err(|error| format!("not a path: {error}"))
    }

    /// The source of what the file says.
    pub(super) fn in_file(&self) -> Source {
        Source::File(self.path.clone().unwrap_or_default())
    }

    fn pick<Value>(
        &self,
        key: &'static str,
        flag: Option<Value>,
        in_variable: impl FnOnce(&str) -> Result<Value, String>,
        in_file: Option<Value>,
    ) -> Result<Option<Given<Value>>, ConfigError> {
        if let Some(value) = flag {
            return Ok(Some(Given { key, value, from: Source::Flag }));
        }
        let name = variable(key);
        let Some(text) = self.environment.get(&name)? else {
            return Ok(in_file.map(|value| Given { key, value, from: self.in_file() }));
        };
        let text = Given { key, value: text, from: Source::Variable(name) };
        let value = text.read(|text| in_variable(text))?;
        Ok(Some(Given { key, value, from: text.from }))
    }
}
