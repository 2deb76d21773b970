//! The paths of the control API (B-10).

use http::Method;

use super::percent;
use super::problem::Problem;

/// One thing that can be asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Health,
    Ready,
    Metrics,
    Status,
    SetContext,
    SetToken,
    Refresh,
    Shutdown,
    ListOutbox,
    ShowWrite(String),
    DiscardWrite(String),
    RetryWrite(String),
}

impl Route {
    /// What is asked for with this method at this path, query excluded.
    pub(super) fn of(method: &Method, path: &str) -> Result<Self, Problem> {
        match path {
            "/healthz" => get(method, Self::Health),
            "/readyz" => get(method, Self::Ready),
            "/metrics" => get(method, Self::Metrics),
            "/v1/status" => get(method, Self::Status),
            "/v1/context" => only(method, &Method::PUT, "PUT", Self::SetContext),
            "/v1/token" => only(method, &Method::PUT, "PUT", Self::SetToken),
            "/v1/refresh" => only(method, &Method::POST, "POST", Self::Refresh),
            "/v1/shutdown" => only(method, &Method::POST, "POST", Self::Shutdown),
            "/v1/outbox" => get(method, Self::ListOutbox),
            _ => Self::of_write(method, path),
        }
    }

    fn of_write(method: &Method, path: &str) -> Result<Self, Problem> {
        let rest = path.strip_prefix("/v1/outbox/").ok_or(Problem::UnknownPath)?;
        let (key, verb) = match rest.split_once('/') {
            Some((key, verb)) => (key, Some(verb)),
            None => (rest, None),
        };
        let key = percent::decode(key).filter(|key| !key.is_empty()).ok_or(Problem::UnknownPath)?;
        match (verb, method) {
            (None, &Method::GET) => Ok(Self::ShowWrite(key)),
            (None, &Method::DELETE) => Ok(Self::DiscardWrite(key)),
            (None, _) => Err(Problem::WrongMethod { allow: "GET, DELETE" }),
            (Some("retry"), method) => only(method, &Method::POST, "POST", Self::RetryWrite(key)),
            (Some(_), _) => Err(Problem::UnknownPath),
        }
    }
}

fn get(method: &Method, route: Route) -> Result<Route, Problem> {
    only(method, &Method::GET, "GET", route)
}

fn only(method: &Method, wanted: &Method, allow: &'static str, route: Route) -> Result<Route, Problem> {
    if method == wanted { Ok(route) } else { Err(Problem::WrongMethod { allow }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_percent_decoded_and_may_be_any_text() {
        for (path, route) in [
            ("/v1/outbox/mcp-relay_reply-1", Route::ShowWrite("mcp-relay_reply-1".into())),
            ("/v1/outbox/a%2Fretry", Route::ShowWrite("a/retry".into())),
            ("/v1/outbox/retry", Route::ShowWrite("retry".into())),
            ("/v1/outbox/%C3%BC%20+", Route::ShowWrite("ü +".into())),
        ] {
            assert_eq!(Route::of(&Method::GET, path).unwrap(), route, "{path}");
        }
        let route = Route::of(&Method::POST, "/v1/outbox/%2e/retry").unwrap();
        assert_eq!(route, Route::RetryWrite(".".into()));
    }

    #[test]
    fn other_paths_are_unknown() {
        for path in ["/", "/v1", "/v1/outbox/", "/v1/outbox/%", "/v1/outbox/%zz", "/v1/outbox/%ff", "/mcp"] {
            assert!(matches!(Route::of(&Method::GET, path), Err(Problem::UnknownPath)), "{path}");
        }
        for path in ["/v1/outbox/k/", "/v1/outbox/k/retry/", "/v1/outbox//retry"] {
            assert!(matches!(Route::of(&Method::POST, path), Err(Problem::UnknownPath)), "{path}");
        }
    }
}
