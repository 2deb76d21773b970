//! Bodies of the runner's requests: bounded, and read strictly.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use super::problem::{BODY_LIMIT, Problem};

/// How long a body may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// Reads a whole body.
pub(super) async fn read<B>(body: B) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let collected = Limited::new(body, BODY_LIMIT).collect();
    match tokio::time::timeout(ARRIVES_WITHIN, collected).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::BodyTooLarge),
        Ok(Err(_)) => Err(Problem::BodyBroken),
        Err(_) => Err(Problem::BodyTooSlow),
    }
}

/// The flags in the body of `PUT /v1/context`.
pub(super) fn context(body: &[u8]) -> Result<Vec<(String, bool)>, Problem> {
    const SHAPE: &str = r#"the body must be a JSON object of booleans such as {"isolatedWorktree": true}"#;
    let flags: BTreeMap<String, Value> =
        serde_json::from_slice(body).map_err(|_| Problem::BadBody(SHAPE.to_owned()))?;
    flags
        .into_iter()
        .map(|(flag, value)| match value {
            Value::Bool(value) => Ok((flag, value)),
            other => Err(Problem::BadBody(format!("{SHAPE}: `{flag}` is {}", kind(&other)))),
        })
        .collect()
}

/// The token in the body of `PUT /v1/token`. No error repeats any of it.
pub(super) fn token(body: &[u8]) -> Result<Option<String>, Problem> {
    let bad = |sentence: &str| Problem::BadBody(sentence.to_owned());
    let shape = || bad(r#"the body must be {"token": "…"}, or {"token": null} for none"#);
    let mut members: Map<String, Value> = serde_json::from_slice(body).map_err(|_| shape())?;
    let token = members.remove("token").filter(|_| members.is_empty()).ok_or_else(shape)?;
    match token {
        Value::Null => Ok(None),
        Value::String(token) if token.is_empty() => Err(bad("the token is empty: use null for none")),
        Value::String(token) if token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(token)),
        Value::String(_) => Err(bad("a token may hold visible ASCII characters only, no spaces")),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(shape()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
