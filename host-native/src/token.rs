//! The runner's relay token, live (B-2.2).

mod bearer;
#[cfg_attr(target_os = "linux", path = "token/lookout.rs")]
#[cfg_attr(not(target_os = "linux"), path = "token/no_lookout.rs")]
mod lookout;
#[cfg(test)]
pub(crate) mod tests;
mod watched;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::private_file::PrivateFileError;
use crate::settings::TokenOrigin;
pub use bearer::Bearer;
use watched::Watched;

/// Where the token is read at each forward. Cheap to clone; all clones see the same token.
///
/// A token from a file is looked after at every [`current`](Self::current), and read when the file changed, so that
/// no forward carries a token which was replaced before it. There are two ways to replace it that the system tells
/// nobody of, which are noticed within a tenth of a second: to write to the file as mapped memory, and to mount another
/// file system over the way to it.
#[derive(Clone)]
pub struct TokenSource(Arc<Mutex<State>>);

struct State {
    token: Option<Bearer>,
    file: Option<Watched>,
}

/// Why a token cannot be used. Never shows it.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It would not survive a header.
    #[error("the relay token in {place} may hold visible ASCII characters only: no spaces, no line breaks")]
    NotVisible {
        /// The file or the environment variable.
        place: String,
    },
    /// Its file is not closed to others, or cannot be read.
    #[error(transparent)]
    File(#[from] PrivateFileError),
}

impl TokenSource {
    /// The token of this origin. An absent or empty file is no token, and is looked after all the same.
    ///
    /// # Errors
    /// The token cannot be used, or its file not be read.
    pub fn open(origin: &TokenOrigin) -> Result<Self, TokenError> {
        let state = match origin {
            TokenOrigin::None => State { token: None, file: None },
            TokenOrigin::Environment(token) => State { token: fit(token, "RELAY_TOKEN")?, file: None },
            TokenOrigin::File(path) => {
                let file = Watched::open(path)?;
                State { token: file.token(), file: Some(file) }
            }
        };
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// This token, for who needs no file; `None` for calls without a token.
    #[must_use]
    pub fn fixed(token: Option<&str>) -> Self {
        Self(Arc::new(Mutex::new(State { token: token.and_then(Bearer::new), file: None })))
    }

    /// The token as it is at this moment. A file that became unreadable, unfit or open to others leaves the token as
    /// it was, and an error in the log.
    #[must_use]
    pub fn current(&self) -> Option<Bearer> {
        let mut state = self.lock();
        state.look_again(Watched::read_if_changed);
        state.token.clone()
    }

    /// Replaces the token. It holds until it is replaced again, or the file changes. One that [`check_token`]
    /// refuses changes nothing but the log.
    pub fn set(&self, token: Option<String>) {
        let mut state = self.lock();
        state.look_again(Watched::read);
        match token.map_or(Ok(None), |token| fit(&token, "the request")) {
            Ok(token) => state.token = token,
            Err(error) => tracing::error!("{error}; the token stays as it was"),
        }
    }

    /// Reads the file again, whether it looks changed or not; returns whether the token is another one now
    /// than [`current`](Self::current) said last (B-2.7).
    #[must_use]
    pub fn reread(&self) -> bool {
        let mut state = self.lock();
        let before = state.token.clone();
        state.look_again(Watched::read);
        state.token != before
    }

    /// Whether the token now, read again, is another one than the one that a call went out with: then a
    /// refused call is worth a second try (B-2.7).
    #[must_use]
    pub fn differs_from(&self, used: Option<&Bearer>) -> bool {
        let mut state = self.lock();
        state.look_again(Watched::read);
        state.token.as_ref() != used
    }

    /// Whether the file, when it was last looked at, could be used; true where there is none.
    #[must_use]
    pub fn is_file_usable(&self) -> bool {
        self.lock().file.as_ref().is_none_or(Watched::is_usable)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn look_again(&mut self, look: impl FnOnce(&mut Watched) -> bool) {
        if let Some(file) = &mut self.file
            && look(file)
        {
            self.token = file.token();
        }
    }
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("TokenSource(…)")
    }
}

/// Whether [`TokenSource::set`] would take this token.
///
/// # Errors
/// It would not survive a header.
pub fn check_token(token: &str) -> Result<(), TokenError> {
    fit(token, "the request").map(drop)
}

/// The token without the white space around it; nothing is no token.
fn fit(token: &str, place: &str) -> Result<Option<Bearer>, TokenError> {
    let token = token.trim_ascii();
    if token.is_empty() {
        return Ok(None);
    }
    let token = Some(token).filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
    let bearer = token.and_then(Bearer::new);
    bearer.map(Some).ok_or_else(|| TokenError::NotVisible { place: place.to_owned() })
}
