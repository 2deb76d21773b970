//! `relay-mcp-proxy refresh`.

use std::io::Write;

use http::Method;

use super::error::CommandError;
use super::status::visible;
use super::target::{Target, ask};
use super::{print, view};

/// Has the proxy fetch the relay's menu again, and prints how many tools it has (B-4.7).
///
/// # Errors
/// When the proxy does not answer, when the relay's menu cannot be fetched, or when the output cannot be
/// written.
pub async fn refresh(target: &Target, json: bool, out: &mut impl Write) -> Result<(), CommandError> {
    let body = ask(&target.client()?, Method::POST, "/v1/refresh", None).await?;
    if json {
        print::json(&body, out)?;
        return Ok(());
    }
    let refreshed: view::Refreshed = serde_json::from_slice(&body)?;
    writeln!(out, "the menu is fresh: tools {}", visible(&refreshed.tools))?;
    Ok(())
}
