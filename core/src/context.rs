//! The agent's context: flags that the rules of the menu ask for (B-4.1).

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::{Serialize, Serializer};

/// Flags by name, such as `isolatedWorktree`. One that is not there is false.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// In the order of their names, each once.
    flags: Vec<(String, bool)>,
}

impl Context {
    /// Whether this flag is set.
    #[must_use]
    pub fn holds(&self, flag: &str) -> bool {
        self.iter().any(|(name, value)| name == flag && value)
    }

    /// Gives a flag its value.
    pub fn set(&mut self, flag: String, value: bool) {
        match self.flags.binary_search_by(|(name, _)| name.cmp(&flag)) {
            Ok(at) => self.flags[at].1 = value,
            Err(at) => self.flags.insert(at, (flag, value)),
        }
    }

    /// All flags that were ever named, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, bool)> {
        self.flags.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

impl Extend<(String, bool)> for Context {
    fn extend<T: IntoIterator<Item = (String, bool)>>(&mut self, flags: T) {
        flags.into_iter().for_each(|(flag, value)| self.set(flag, value));
    }
}

impl FromIterator<(String, bool)> for Context {
    fn from_iter<T: IntoIterator<Item = (String, bool)>>(flags: T) -> Self {
        let mut context = Self::default();
        context.extend(flags);
        context
    }
}

impl<const N: usize> From<[(String, bool); N]> for Context {
    fn from(flags: [(String, bool); N]) -> Self {
        flags.into_iter().collect()
    }
}

impl IntoIterator for Context {
    type Item = (String, bool);
    type IntoIter = vec::IntoIter<(String, bool)>;

    fn into_iter(self) -> Self::IntoIter {
        self.flags.into_iter()
    }
}

impl Serialize for Context {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}
