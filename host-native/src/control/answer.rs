//! Answers of the control API.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;
use serde_json::json;

use super::problem::Problem;

/// A whole answer.
pub(super) type ApiResponse = Response<Full<Bytes>>;

/// A JSON text.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> ApiResponse {
    match serde_json::to_vec(value) {
        Ok(body) => text(status, HeaderValue::from_static("application/json"), body.into()),
        Err(_) => problem(&Problem::Misfit),
    }
}

/// `{"status": "ok"}`: it was done, and there is no more to say.
pub(super) fn done(status: StatusCode) -> ApiResponse {
    json(status, &json!({"status": "ok"}))
}

/// A text of another type.
pub(super) fn text(status: StatusCode, content_type: HeaderValue, body: Bytes) -> ApiResponse {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `{"error": "sentence"}`.
pub(super) fn problem(problem: &Problem) -> ApiResponse {
    let body = json!({"error": problem.to_string()}).to_string();
    let mut response = text(problem.status(), HeaderValue::from_static("application/json"), body.into());
    let headers = response.headers_mut();
    if let Problem::WrongMethod { allow } = problem {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if matches!(problem, Problem::Unauthorized) {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
