use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use super::lookout::Lookout;
use super::watched::TICK;
use super::*;

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    (directory, path)
}

/// As a runner writes it: closed to others before anything is in it, in place.
fn write(path: &Path, token: impl AsRef<[u8]>) {
    if !path.exists() {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(path, token).unwrap();
}

fn open(path: &Path) -> TokenSource {
    TokenSource::open(&TokenOrigin::File(path.to_owned())).unwrap()
}

/// The token as it stands in the file.
pub(crate) fn text(source: &TokenSource) -> Option<String> {
    let header = source.current()?.header();
    Some(header.to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned())
}

fn current(source: &TokenSource) -> String {
    text(source).unwrap_or_else(|| "none".to_owned())
}

#[test]
fn b_2_2_a_rotated_token_goes_out_with_the_next_forward() {
    let (_directory, path) = place();
    let source = open(&path);
    assert_eq!(current(&source), "none");
    for number in 0..200 {
        let token = format!("token-{number:04}");
        write(&path, &token);
        assert_eq!(current(&source), token, "same length, same inode, perhaps the same instant");
    }
    let other = path.with_extension("new");
    write(&other, " renamed \n");
    std::fs::rename(&other, &path).unwrap();
    assert_eq!(current(&source), "renamed");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(current(&source), "none");
}

/// Each when all has been as it is for a while, so that nothing but the change itself tells of it.
#[test]
fn b_2_2_whatever_was_done_to_the_file_or_the_way_there_the_next_forward_has_the_token_that_is_there() {
    let (directory, _) = place();
    let [home, aside, other] = ["home", "aside", "other"].map(|name| directory.path().join(name));
    let path = home.join("token");
    let create = |token: &str| {
        fs::create_dir_all(&home).unwrap();
        write(&path, token);
    };
    create("first");
    fs::hard_link(&path, &other).unwrap();
    let changes: [(&str, &dyn Fn()); 14] = [
        ("in-place", &|| write(&path, "in-place")),
        ("in-another-place", &|| write(&other, "in-another-place")),
        ("none", &|| fs::remove_file(&path).unwrap()),
        ("created", &|| write(&path, "created")),
        ("moved-here", &|| {
            write(&aside, "moved-here");
            fs::rename(&aside, &path).unwrap();
        }),
        ("none", &|| fs::rename(&path, &aside).unwrap()),
        ("moved-here", &|| fs::rename(&aside, &path).unwrap()),
        ("none", &|| fs::rename(&home, &aside).unwrap()),
        ("in-another-directory", &|| create("in-another-directory")),
        ("moved-here", &|| {
            fs::remove_dir_all(&home).unwrap();
            fs::rename(&aside, &home).unwrap();
        }),
        ("none", &|| fs::remove_dir_all(&home).unwrap()),
        ("last", &|| create("last")),
        ("none", &|| fs::remove_file(&path).unwrap()),
        ("in-a-directory-in-place-of-one-that-is-still-open", &|| {
            let held = fs::File::open(&home).unwrap();
            fs::remove_dir(&home).unwrap();
            create("in-a-directory-in-place-of-one-that-is-still-open");
            drop(held);
        }),
    ];
    let source = open(&path);
    for (number, (token, change)) in changes.into_iter().enumerate() {
        std::thread::sleep(2 * TICK);
        let _ = source.current();
        change();
        assert_eq!(current(&source), token, "change {number}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_lookout_is_over_the_file_and_the_way_there_and_over_nothing_else() {
    let (directory, path) = place();
    write(&path, "one");
    let neighbour = directory.path().join("neighbour");
    // Where the file system does not tell, as in a container, there is none to be had.
    let Some(lookout) = Lookout::over(&path) else { return };
    fs::write(&neighbour, "").unwrap();
    fs::rename(&neighbour, directory.path().join("moved")).unwrap();
    assert!(!lookout.has_noticed());
    write(&path, "two");
    assert!(lookout.has_noticed());
    assert!(!lookout.has_noticed(), "it was told once");

    let link = directory.path().join("link");
    symlink(directory.path(), &link).unwrap();
    assert!(Lookout::over(&link.join("token")).is_none(), "where a link leads to, others change");
    assert!(Lookout::over(Path::new("/proc/self/comm")).is_none(), "not all file systems tell");
}

#[test]
fn b_2_2_a_token_behind_a_link_to_its_directory_is_the_one_that_is_there() {
    let (directory, _) = place();
    let [one, two, link] = ["one", "two", "link"].map(|name| directory.path().join(name));
    for home in [&one, &two] {
        fs::create_dir(home).unwrap();
        write(&home.join("token"), home.file_name().unwrap().to_str().unwrap());
    }
    symlink(&one, &link).unwrap();
    let source = open(&link.join("token"));
    std::thread::sleep(2 * TICK);
    assert_eq!(current(&source), "one");
    let next = directory.path().join("next");
    symlink(&two, &next).unwrap();
    fs::rename(&next, &link).unwrap();
    assert_eq!(current(&source), "two");
}

#[test]
fn an_unchanged_file_is_not_read_again_and_gives_the_same_token() {
    let (_directory, path) = place();
    write(&path, "one");
    std::thread::sleep(std::time::Duration::from_millis(150));
    let source = open(&path);
    let (first, second) = (source.current().unwrap(), source.current().unwrap());
    let (first_header, second_header) = (first.header(), second.header());
    assert_eq!(first_header.as_bytes().as_ptr(), second_header.as_bytes().as_ptr());
    assert!(!source.reread());
    assert!(!source.differs_from(Some(&first)));
}

#[test]
fn b_2_7_after_a_refusal_a_token_that_changed_is_told_from_one_that_did_not() {
    let (_directory, path) = place();
    write(&path, "one");
    let source = open(&path);
    let used = source.current();
    assert!(!source.reread());
    write(&path, "two");
    assert!(source.reread());
    assert!(!source.reread());
    assert!(source.differs_from(used.as_ref()));
    assert!(source.differs_from(None));
    assert!(!source.differs_from(source.current().as_ref()));
}

#[test]
fn a_token_that_was_set_holds_until_the_file_changes() {
    let (_directory, path) = place();
    write(&path, "one");
    let source = open(&path);
    source.set(Some("set".into()));
    assert_eq!(current(&source.clone()), "set");
    assert!(!source.reread());
    assert_eq!(current(&source), "set");
    write(&path, "two");
    assert_eq!(current(&source), "two");
    source.set(None);
    assert_eq!(current(&source), "none");
}

#[test]
fn b_9_6_an_unfit_token_is_refused_at_the_start_and_leaves_the_old_one_later() {
    let (_directory, path) = place();
    let origin = TokenOrigin::File(path.clone());
    let unfit: [&[u8]; 4] = [b"hush hush", b"hush\nhush", b"hush\0", b"hush\xff"];
    for unfit in unfit {
        write(&path, unfit);
        let error = TokenSource::open(&origin).unwrap_err().to_string();
        assert!(error.contains("visible ASCII") && error.contains("/token"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
    write(&path, "good");
    let source = open(&path);
    for unfit in unfit {
        write(&path, unfit);
        assert_eq!(current(&source), "good");
    }
    source.set(Some("hush hush".into()));
    assert_eq!(current(&source), "good");
    assert!(check_token("hush hush").is_err() && check_token("fine").is_ok());
    write(&path, "better");
    assert_eq!(current(&source), "better");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_at_the_start_and_no_change_later() {
    let (_directory, path) = place();
    write(&path, "good");
    let source = open(&path);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(current(&source), "good");
    let error = TokenSource::open(&TokenOrigin::File(path)).unwrap_err();
    assert!(matches!(error, TokenError::File(_)), "{error}");
}

#[test]
fn an_empty_token_is_none() {
    let (_directory, path) = place();
    write(&path, "\n");
    assert_eq!(current(&open(&path)), "none");
    assert_eq!(current(&TokenSource::fixed(Some("x"))), "x");
    let environment = TokenSource::open(&TokenOrigin::Environment("from-env".into())).unwrap();
    assert_eq!(current(&environment), "from-env");
}

#[test]
fn b_2_2_a_file_that_others_have_a_hand_in_is_refused_at_the_start_and_leaves_the_old_token_later() {
    let (directory, path) = place();
    let elsewhere = directory.path().join("elsewhere");
    write(&elsewhere, "theirs");
    let refused: [(&str, &dyn Fn()); 5] = [
        ("mode 0644", &|| fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap()),
        ("mode 0640", &|| fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap()),
        ("mode 0622", &|| fs::set_permissions(&path, Permissions::from_mode(0o622)).unwrap()),
        ("is a link", &|| {
            fs::remove_file(&path).unwrap();
            symlink(&elsewhere, &path).unwrap();
        }),
        ("more than 65536 bytes", &|| write(&path, "x".repeat(70_000))),
    ];
    for (what, spoil) in refused {
        write(&path, "ours");
        let source = open(&path);
        assert!(source.is_file_usable());
        write(&path, "theirs");
        spoil();
        assert_eq!((current(&source).as_str(), source.is_file_usable()), ("ours", false), "{what}");
        let error = TokenSource::open(&TokenOrigin::File(path.clone())).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("/token") && !error.contains("theirs"), "{error}");
        fs::remove_file(&path).unwrap();
        write(&path, "again");
        assert_eq!((current(&source).as_str(), source.is_file_usable()), ("again", true), "{what}");
    }
}
