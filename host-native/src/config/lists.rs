//! Lists and switches as text.

/// The values between commas, without the white space around them; empty ones are left out.
pub(super) fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(String::from).collect()
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

/// A name for `Host`, with or without a port.
pub(super) fn check_host(host: &str) -> Result<(), String> {
    match host.parse::<http::uri::Authority>() {
        Ok(authority) if !host.contains('@') && !authority.host().is_empty() => Ok(()),
        _ => {
            Err(format!("{host:?} is not a host name: say it as in `proxy.example` or `proxy.example:4000`"))
        }
    }
}

/// A value of `Origin`.
pub(super) fn check_origin(origin: &str) -> Result<(), String> {
    let right = |(scheme, host): (&str, &str)| {
        !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '@', '*'])
    };
    match origin.split_once("://").is_some_and(right) {
        true => Ok(()),
        false => {
            Err(format!("{origin:?} is not an origin: say it as in `https://app.example`, without a path"))
        }
    }
}

/// An exact name of a tool.
pub(super) fn check_tool(tool: &str) -> Result<(), String> {
    match tool {
        _ if tool.contains('*') => Err(format!("{tool:?} has a `*`: only exact names can be bufferable")),
        _ if tool.contains(char::is_whitespace) => Err(format!("{tool:?} is not the name of a tool")),
        _ => Ok(()),
    }
}
