//! What the control API refuses, and how it says so.

use http::StatusCode;

/// The largest body of a request, in bytes.
pub(super) const BODY_LIMIT: usize = 64 << 10;

/// Why a request of the runner was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("this Host is not served here: use a loopback name or address")]
    ForeignHost,
    #[error("this Origin may not call the control API")]
    ForeignOrigin,
    #[error("the control API at a TCP address needs `Authorization: Bearer` with the control secret")]
    Unauthorized,
    #[error("there is no such path in the control API")]
    UnknownPath,
    #[error("this path takes {allow} only")]
    WrongMethod { allow: &'static str },
    #[error("the body is larger than {BODY_LIMIT} bytes")]
    BodyTooLarge,
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    #[error("the body broke off")]
    BodyBroken,
    #[error("{0}")]
    BadBody(String),
    #[error("there is no write with the key `{key}` in the outbox")]
    UnknownWrite { key: String },
    #[error("{0}")]
    Refused(String),
    #[error("the menu could not be fetched, the last one stays: {0}")]
    RefreshFailed(String),
    #[error("the proxy is shutting down")]
    Ended,
    #[error("{0}")]
    Away(String),
    #[error("the proxy did not answer in time")]
    Silent,
    #[error("the proxy's machine gave an answer that does not fit the question")]
    Misfit,
}

impl Problem {
    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::ForeignHost | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::UnknownPath | Self::UnknownWrite { .. } => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken | Self::BadBody(_) => StatusCode::BAD_REQUEST,
            Self::Refused(_) => StatusCode::CONFLICT,
            Self::RefreshFailed(_) => StatusCode::BAD_GATEWAY,
            Self::Ended | Self::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Silent => StatusCode::GATEWAY_TIMEOUT,
            Self::Misfit => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
