//! What `--keep` leaves running, how to use it, and how to stop it.

use std::io::{self, Write};

use super::stage::Stage;
use super::story::Cast;
use crate::client_config::{ClientConfig, DEFAULT_NAME, DEFAULT_TOKEN_ENV};

/// Says what goes on running.
pub(super) fn leave(stage: &Stage, cast: &Cast, out: &mut impl Write) -> io::Result<()> {
    let url = cast.proxy.url();
    let config = ClientConfig::new(url, DEFAULT_NAME, DEFAULT_TOKEN_ENV).map_err(io::Error::other)?;
    let secret = stage.data().secret_path().display().to_string();
    let token = format!("{DEFAULT_TOKEN_ENV}=\"$(cat {})\"", quoted(&secret));
    let program = quoted(&stage.program().display().to_string());
    let data = quoted(&stage.data().directory().display().to_string());
    let (relay, proxy) = (cast.relay.id(), cast.proxy.id());
    writeln!(out, "\nBoth go on running: the relay is pid {relay}, the proxy pid {proxy}, at {url}.")?;
    writeln!(out, "The agent's secret is in {secret}\n")?;
    writeln!(out, "Claude Code:\n  {token} claude {}\n", line(&config.claude()))?;
    writeln!(out, "Codex:\n  {token} codex {}\n", line(&config.codex()))?;
    writeln!(out, "See how it is, and change the menu:")?;
    writeln!(out, "  {program} status --data-dir {data}")?;
    writeln!(out, "  {program} context isolatedWorktree=true --data-dir {data}\n")?;
    let all = quoted(&stage.directory().display().to_string());
    writeln!(out, "Stop both, and remove what they leave:\n  kill {relay} {proxy}; rm -rf {all}")?;
    out.flush()
}

fn line(arguments: &[String]) -> String {
    arguments.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ")
}

/// One word for any shell.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn b_8_3_every_argument_reaches_a_client_through_a_shell_as_it_was() {
        let words =
            ["", "plain", "a b", "it's", "\"${X}\"", "$(id)", "`id`", "\\", "ä", "a;b", "*", "~", "#x"];
        let words = words.map(str::to_owned);
        let script = format!("printf '%s\\n' {}", line(&words));
        let said = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), words.map(|word| word + "\n").concat());
        assert_eq!(line(&["-c".to_owned(), "a=b".to_owned()]), "-c a=b");
    }
}
