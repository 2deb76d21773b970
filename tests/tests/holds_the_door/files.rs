//! Files that hold a secret, in which somebody else may have a hand: the proxy does not start with one, and says what
//! to do (exit 2, B-1.4, B-10).

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use relay_mcp_tests::proxy::{Home, Proxy, ProxyBuilder};
use relay_mcp_tests::relay::Relay;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::geteuid;

/// What must not be said.
const HUSH: &str = "hush-hush-hush-hush-hush-hush";

/// Somebody who is neither root nor who runs the test.
const NOBODY: u32 = 65_534;

/// The ways in which a secret is handed over in a file.
const HANDED_OVER: [(&str, Flag); 3] = [
    ("--secret-file", |builder, path| builder.flag("--secret-file", path)),
    ("--token-file", |builder, path| builder.flag("--token-file", path)),
    ("control-secret", |builder, _| builder.control("127.0.0.1:0")),
];

type Flag = fn(ProxyBuilder, &Path) -> ProxyBuilder;

/// A file in a place of its own; for the control listener it has a name of its own.
fn place(home: &Home, what: &str) -> PathBuf {
    let directory = if what == "control-secret" { home.data() } else { home.path().to_owned() };
    fs::create_dir_all(&directory).unwrap();
    directory.join(if what == "control-secret" { what } else { "handed-over" })
}

pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A pipe into which nobody writes.
pub(crate) fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// With each of the files so, the proxy ends at once, with 2 and a sentence that has these words in it, and the path.
async fn is_refused(words: &str, spoil: impl Fn(&Path)) {
    let relay = Relay::start().await;
    for (what, flag) in HANDED_OVER {
        let builder = Proxy::to(&relay);
        let home = std::sync::Arc::new(Home::new());
        let path = place(&home, what);
        spoil(&path);
        let ended = flag(builder.at(&home), &path).fail().await;
        let said = &ended.stderr;
        assert_eq!(ended.code, Some(2), "{what}, {words}: {ended:?}");
        assert!(
            said.contains(words) && said.contains(&path.display().to_string()),
            "{what}, {words}: {said}"
        );
        assert!(!said.contains(HUSH) && !ended.stdout.contains(HUSH), "{what}, {words}: {said}");
    }
    assert_eq!(relay.requests().len(), 0);
}

#[tokio::test]
async fn a_file_that_others_can_read_or_change_is_refused() {
    for mode in [0o644, 0o604, 0o640, 0o606, 0o620, 0o602, 0o666, 0o601, 0o777] {
        is_refused(
            &format!("has mode {mode:04o}, so others can read or change it: run `chmod 600 "),
            |path| {
                write(path, HUSH, mode);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_link_is_refused() {
    let words = "is not a regular file, or is a link";
    is_refused(words, |path| {
        let target = path.with_file_name("target");
        write(&target, HUSH, 0o600);
        symlink("target", path).unwrap();
    })
    .await;
    is_refused(words, |path| symlink("nowhere", path).unwrap()).await;
    is_refused(words, |path| symlink(path.file_name().unwrap(), path).unwrap()).await;
    is_refused(words, |path| symlink("/etc/hostname", path).unwrap()).await;
    is_refused(words, |path| symlink("/proc/self/environ", path).unwrap()).await;
}

/// As root anybody's file can be read; that one is somebody else's secret.
#[tokio::test]
async fn a_file_of_another_user_is_refused() {
    assert!(
        geteuid().is_root(),
        "this test gives a file away, which only root may: run it as root, or as `unshare -r`"
    );
    is_refused("belongs to another user (uid 65534): run `chown 0 ", |path| {
        write(path, HUSH, 0o600);
        chown(path, Some(NOBODY), None).expect("give a file away: run this test as root");
    })
    .await;
    // In a directory where everybody may put files, too.
    is_refused("belongs to another user (uid 65534)", |path| {
        if path.ends_with("handed-over") {
            fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o1777)).unwrap();
        }
        write(path, HUSH, 0o600);
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    })
    .await;
}

/// A pipe is not waited for, and a directory is no file.
#[tokio::test]
async fn what_is_no_file_is_refused() {
    let words = "is not a regular file, or is a link";
    is_refused(words, pipe).await;
    is_refused(words, |path| fs::create_dir(path).unwrap()).await;
    is_refused(words, |path| {
        mknodat(CWD, path, FileType::CharacterDevice, Mode::RUSR, rustix::fs::makedev(1, 3)).unwrap()
    })
    .await;
    is_refused("cannot be read", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())).await;
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused() {
    is_refused("bytes, which is no secret and no token", |path| write(path, HUSH.repeat(10_000), 0o600))
        .await;
    is_refused("bytes, which is no secret and no token", |path| {
        write(path, HUSH, 0o600);
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 40).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_file_that_holds_more_than_one_word_is_refused() {
    for text in [
        &b"hush-hush-hush-hush-hush-hush\nhush-hush-hush"[..],
        b"hush-hush-hush-hush-hush-hush\r\nx: y",
        b"hush-hush-hush-hush-hush-hush\rx: y",
        b"hush-hush-hush-hush-hush-hush\0",
        b"hush-hush-hush-hush-hush-hush hush",
        b"hush-hush-hush-hush\x1b[31m-hush-hush",
        b"hush-hush-hush-hush-\x7f-hush-hush",
        "hush-hush-hush-hush-hüsh-hush".as_bytes(),
        b"hush-hush-hush-hush-\xff-hush-hush",
        b"\xef\xbb\xbfhush-hush-hush-hush-hush-hush",
    ] {
        is_refused("visible ASCII", |path| write(path, text, 0o600)).await;
    }
}

/// An empty secret opens to everybody; an empty token is none (B-10).
#[tokio::test]
async fn an_empty_secret_is_refused_and_an_empty_token_is_none() {
    let relay = Relay::start().await;
    for empty in ["", "\n", "\r\n\n"] {
        for (what, flag) in HANDED_OVER {
            let home = std::sync::Arc::new(Home::new());
            let path = place(&home, what);
            write(&path, empty, 0o600);
            let builder = flag(Proxy::to(&relay).at(&home), &path);
            if what == "--token-file" {
                let proxy = builder.start().await;
                proxy.agent().post(crate::wire::ASK).send().await;
                assert!(relay.requests().iter().all(|request| request.header("authorization").is_none()));
            } else {
                let ended = builder.fail().await;
                assert_eq!(ended.code, Some(2), "{what}: {ended:?}");
                assert!(ended.stderr.contains("at least 16 characters"), "{what}: {}", ended.stderr);
            }
        }
    }
}

/// What the proxy itself writes is closed to others.
#[tokio::test]
async fn what_it_makes_is_closed_to_others() {
    let relay = Relay::start().await;
    let proxy = Proxy::to(&relay).control("127.0.0.1:0").start().await;
    for name in ["secret", "control-secret", "lock", "store.sqlite3"] {
        let mode = fs::metadata(proxy.home().data().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    let mode = fs::metadata(proxy.home().data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700, "{mode:o}");
}
