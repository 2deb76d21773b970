//! Tool names with `*`.

use alloc::string::String;

/// A pattern for tool names: `*` stands for any run of characters, everything else for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glob {
    text: String,
    /// Where its first `*` stands. Most patterns have none, and every tool of every list is asked of all.
    star: Option<usize>,
}

impl Glob {
    /// The pattern that is written so.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        let text = pattern.into();
        let star = text.find('*');
        Self { text, star }
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.text
    }

    /// Whether the whole of `name` fits.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some(star) = self.star else {
            return self.text == name;
        };
        let (head, rest) = (&self.text[..star], &self.text[star + 1..]);
        let Some(mut name) = name.strip_prefix(head) else {
            return false;
        };
        let Some((middle, tail)) = rest.rsplit_once('*') else {
            return name.ends_with(rest);
        };
        for part in middle.split('*') {
            let Some(at) = name.find(part) else {
                return false;
            };
            name = &name[at + part.len()..];
        }
        name.ends_with(tail)
    }
}

impl core::fmt::Display for Glob {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn stars_stand_for_any_run_of_characters() {
        for (pattern, fits, does_not) in [
            ("relay_send", "relay_send", "relay_send_message"),
            ("relay_*", "relay_", "rela"),
            ("*_land", "relay_workspace_land", "relay_workspace_lander"),
            ("relay_*_land", "relay_workspace_land", "relay_land"),
            ("a*b*c", "a--b--bc", "a--c--b"),
            ("a*a", "aa", "a"),
            ("*", "", "?"),
        ] {
            assert!(Glob::new(pattern).matches(fits), "{pattern} should fit {fits}");
            assert!(
                pattern == "*" || !Glob::new(pattern).matches(does_not),
                "{pattern} should not fit {does_not}"
            );
        }
    }
}
