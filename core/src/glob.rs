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
        let (head, rest) = self.text.as_bytes().split_at(star);
        name.as_bytes().strip_prefix(head).is_some_and(|name| fits(rest, name))
    }
}

/// Whether the whole of `name` fits. Where what follows a `*` does not, that stands for one byte more.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut taken) = (0, 0);
    let mut star = None;
    while let Some(byte) = name.get(taken) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, taken));
                at += 1;
            }
            Some(wanted) if wanted == byte => {
                at += 1;
                taken += 1;
            }
            _ => {
                let Some((place, begun)) = star else { return false };
                star = Some((place, begun + 1));
                (at, taken) = (place + 1, begun + 1);
            }
        }
    }
    pattern[at..].iter().all(|left| *left == b'*')
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
            ("a**b*", "ab", "ba"),
            ("*é*", "café", "cafè"),
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
