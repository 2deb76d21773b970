//! The runner's relay token, live (B-2.2).

use std::sync::{Arc, RwLock};

/// Where the token is read at each forward. Cheap to clone; all clones see the same token.
#[derive(Clone)]
pub struct TokenSource(Arc<RwLock<Option<Arc<str>>>>);

impl TokenSource {
    /// A source that holds this token until another one is [set](Self::set).
    #[must_use]
    pub fn new(token: Option<String>) -> Self {
        Self(Arc::new(RwLock::new(token.map(Arc::from))))
    }

    /// The token as it is at this moment.
    #[must_use]
    pub fn current(&self) -> Option<Arc<str>> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Replaces the token.
    pub fn set(&self, token: Option<String>) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = token.map(Arc::from);
    }
}
