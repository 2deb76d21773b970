//! What a person and a Prometheus see of a running proxy (B-8.2): log lines on stderr and metrics. Neither
//! carries an argument, a token or a secret.

mod labels;
pub mod logs;
mod metrics;
mod observe;
pub mod one_line;
mod together;

pub use labels::{CallOutcome, RequestOutcome};
pub(crate) use metrics::CONTENT_TYPE;
pub use metrics::Metrics;
pub use observe::observe;
pub(crate) use together::together;
