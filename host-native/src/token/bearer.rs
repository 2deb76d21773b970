//! A token in the form in which it goes out.

use http::HeaderValue;

/// A relay token as `Authorization` carries it, so that it is written once and not for each request. Cheap to clone;
/// never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer(HeaderValue);

impl Bearer {
    /// The token `text`; nothing where that would not survive a header.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut value = HeaderValue::try_from(format!("Bearer {text}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// The header's value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Bearer(…)")
    }
}
