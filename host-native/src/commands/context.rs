//! `relay-mcp-proxy context`.

use std::io::Write;

use http::Method;
use serde_json::{Map, Value};

use super::error::CommandError;
use super::target::{Target, ask};
use super::{print, status, view};
use crate::telemetry::one_line::escaped;

/// Sets flags of the agent's context, and prints all of them. Flags that are not named keep their value;
/// without any flag the context is only shown.
///
/// # Errors
/// When the proxy does not answer or does not take the flags, or when the output cannot be written.
pub async fn context(
    target: &Target,
    flags: &[(String, bool)],
    json: bool,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let flags: Map<String, Value> =
        flags.iter().map(|(flag, value)| (flag.clone(), Value::Bool(*value))).collect();
    let body = ask(&target.client()?, Method::PUT, "/v1/context", Some(&Value::Object(flags))).await?;
    if json {
        print::json(&body, out)?;
        return Ok(());
    }
    let view: view::Context = serde_json::from_slice(&body)?;
    writeln!(out, "{}", escaped(&status::context(&view.context)))?;
    Ok(())
}
