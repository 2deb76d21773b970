use std::collections::BTreeMap;
use std::ffi::OsString;

use super::ConfigError;

/// The environment variables of this process, taken once. Its values are not shown: some are secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// The value of this variable; an empty one counts as none.
    ///
    /// # Errors
    /// It is not Unicode.
    pub fn get(&self, variable: &str) -> Result<Option<&str>, ConfigError> {
        match self.0.get(variable).map(|value| value.to_str()) {
            None | Some(Some("")) => Ok(None),
            Some(Some(value)) => Ok(Some(value)),
            Some(None) => Err(ConfigError::NotUnicode { variable: variable.to_owned() }),
        }
    }
}

impl<Value: Into<OsString>> FromIterator<(String, Value)> for Environment {
    fn from_iter<Variables: IntoIterator<Item = (String, Value)>>(variables: Variables) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}
