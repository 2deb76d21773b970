//! `relay-mcp-proxy demo` (B-10), as somebody runs it who has nothing set up.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A place for temporary files that is the demo's alone, so that all that it leaves can be seen: its files, and
/// the processes that were told of them. Those are killed with it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn demo(&self) -> Command {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_relay-mcp-proxy"));
        // What the user's shell happens to hold must not matter.
        demo.env("TMPDIR", self.0.path()).env("RELAY_TOKEN", "x").env("RELAY_MCP_PROXY_LISTEN", "nonsense");
        demo.arg("demo");
        demo
    }

    /// The directories that demos left.
    fn left(&self) -> Vec<PathBuf> {
        fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// The arguments of every process that was told of this place, by process id.
    fn processes(&self) -> Vec<(u32, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(id) = entry.file_name().to_string_lossy().parse() else { continue };
            let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
            if arguments.contains(&*self.0.path().to_string_lossy()) {
                found.push((id, arguments));
            }
        }
        found
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(self.processes(), []);
        assert_eq!(self.left(), [] as [PathBuf; 0]);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for (id, _) in self.processes() {
            shell(&format!("kill -9 {id}"));
        }
    }
}

fn shell(script: &str) -> Output {
    Command::new("sh").args(["-c", script]).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The line that follows this one.
fn line_after<'a>(story: &'a str, title: &str) -> &'a str {
    story.lines().skip_while(|line| *line != title).nth(1).unwrap().trim()
}

/// The number that follows `pid`, first in what was told.
fn first_pid(line: &str) -> Option<u32> {
    let after = line.split_once("pid ")?.1;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Starts a demo, and does something to the process that it tells of in this step.
fn disturbed(place: &Place, step: &str, signal: &str) -> (std::process::Child, impl Read) {
    let mut demo = place.demo().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(demo.stdout.take().unwrap());
    let (mut line, mut is_step) = (String::new(), false);
    while !is_step || first_pid(&line).is_none() {
        is_step |= line.contains(step);
        line.clear();
        assert_ne!(told.read_line(&mut line).unwrap(), 0, "the story ended early");
    }
    assert!(shell(&format!("kill -{signal} {}", first_pid(&line).unwrap())).status.success());
    (demo, told)
}

#[test]
fn b_10_the_demo_tells_the_story_and_leaves_nothing() {
    let place = Place::new();
    let demo = place.demo().output().unwrap();
    let story = text(&demo.stdout);
    assert!(demo.status.success(), "{story}{}", text(&demo.stderr));
    assert_eq!(text(&demo.stderr), "");
    for step in [
        "It asks for the menu: narrowed",
        "It gets a worktree: the menu grows, and it is told",
        "The relay dies",
        "queued under the key that the relay saw: mcp-relay_send_message-",
        "The proxy dies too",
        "The relay returns: each write arrives once, in order",
        "(came 2 times)",
        "Every step was verified",
    ] {
        assert!(story.contains(step), "{step}: {story}");
    }
    let secrets = story.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() >= 32);
    assert_eq!(secrets.count(), 0, "{story}");
    place.assert_nothing_is_left();
}

#[test]
fn b_10_a_kept_demo_goes_on_until_it_is_stopped_as_it_says() {
    let place = Place::new();
    let demo = place.demo().arg("--keep").output().unwrap();
    let story = text(&demo.stdout);
    assert!(demo.status.success(), "{story}{}", text(&demo.stderr));
    let [directory] = &place.left()[..] else { panic!("{:?}", place.left()) };
    assert_eq!(place.processes().len(), 2);

    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    let (token, secret) = (read("relay-token"), read("data/secret"));
    let arguments = place.processes().into_iter().map(|(_, arguments)| arguments);
    for public in arguments.chain([story.clone(), read("proxy.log"), read("relay.log")]) {
        assert!(!public.contains(&token) && !public.contains(&secret), "{public}");
    }
    for (client, begins) in [("claude", "--mcp-config\n{"), ("codex", "-c\nmcp_servers.agent-relay.url=")] {
        let title = if client == "claude" { "Claude Code:" } else { "Codex:" };
        let pasted = format!(
            "{client}() {{ printf '%s\\n' \"$RELAY_MCP_TOKEN\" \"$@\"; }}\n{}",
            line_after(&story, title)
        );
        let called = text(&shell(&pasted).stdout);
        let (carried, arguments) = called.split_once('\n').unwrap();
        assert_eq!(carried, secret);
        assert!(arguments.starts_with(begins), "{arguments}");
    }
    let status = shell(&format!("{} --json", line_after(&story, "See how it is, and change the menu:")));
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((status["relay"]["state"].as_str(), &status["sessions"]), (Some("up"), &0.into()));

    assert!(shell(line_after(&story, "Stop both, and remove what they leave:")).status.success());
    let began = Instant::now();
    while !place.processes().is_empty() && began.elapsed() < Duration::from_secs(20) {
        sleep(Duration::from_millis(10));
    }
    place.assert_nothing_is_left();
}

#[test]
fn b_10_an_interrupted_demo_takes_its_children_with_it() {
    for signal in ["INT", "TERM", "HUP"] {
        let place = Place::new();
        let (mut demo, mut told) = disturbed(&place, "The proxy starts", "STOP");
        assert!(shell(&format!("kill -{signal} {}", demo.id())).status.success());
        told.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(demo.wait().unwrap().code(), Some(130));
        place.assert_nothing_is_left();
    }
}

#[test]
fn b_10_a_failed_step_says_what_was_expected_what_was_seen_and_where_the_logs_are() {
    let place = Place::new();
    let (mut demo, mut told) = disturbed(&place, "The proxy starts", "KILL");
    let mut story = String::new();
    told.read_to_string(&mut story).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(1));
    for part in ["FAILED after", "expected: ", "seen:     ", "logs:     "] {
        assert!(story.contains(part), "{part}: {story}");
    }
    assert!(!story.contains("Every step was verified"), "{story}");
    assert_eq!(place.processes(), []);
    let [directory] = &place.left()[..] else { panic!("{:?}", place.left()) };
    assert!(directory.join("proxy.log").exists() && story.contains(&*directory.to_string_lossy()));
}

#[test]
fn a_demo_that_nobody_reads_ends_with_its_children() {
    let place = Place::new();
    let mut demo = place.demo().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(demo.stdout.take());
    assert_eq!(demo.wait().unwrap().code(), Some(1));
    place.assert_nothing_is_left();
}

#[test]
fn a_demo_without_a_place_for_its_files_says_so() {
    let place = Place::new();
    let missing = place.0.path().join("missing");
    let demo = place.demo().env("TMPDIR", Path::new(&missing)).output().unwrap();
    assert_eq!(demo.status.code(), Some(1));
    assert!(text(&demo.stderr).contains("to make the directory"), "{}", text(&demo.stderr));
}
