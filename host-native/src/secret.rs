//! Secrets in files of mode 0600 (B-1.4): the agent's, and the one of a control listener on TCP.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use relay_mcp_core::door::{Secret, check_secret};

use crate::private_file::{self, Kind, PrivateFileError};
use crate::settings::SecretOrigin;

/// Why there is no secret. Never shows one.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It would not hold, or not survive a header.
    #[error("the secret in {place} cannot be used: {reason}")]
    Unfit {
        /// The file or the environment variable.
        place: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Its file is not closed to others, or the operating system would not.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The operating system has no randomness to give.
    #[error("a secret cannot be minted: {0}")]
    NoRandomness(getrandom::Error),
}

/// The secret of this origin; a missing file is created with a new one of 256 bits.
///
/// # Errors
/// The secret is unfit, its file is not closed to others, or it cannot be read or created.
pub fn agent_secret(origin: &SecretOrigin) -> Result<Secret, SecretError> {
    match origin {
        SecretOrigin::Environment(secret) => fit(secret, "RELAY_MCP_PROXY_SECRET"),
        SecretOrigin::File(path) => match read(path)? {
            Some(secret) => Ok(secret),
            None => create(path),
        },
    }
}

/// The secret of this origin, if it is there; creates nothing.
///
/// # Errors
/// As [`agent_secret`].
pub fn existing_secret(origin: &SecretOrigin) -> Result<Option<Secret>, SecretError> {
    match origin {
        SecretOrigin::Environment(_) => agent_secret(origin).map(Some),
        SecretOrigin::File(path) => read(path),
    }
}

/// The secret file as text, for who has to present it, such as the command line on a control listener.
///
/// # Errors
/// As [`agent_secret`], and when the file is missing.
pub fn read_text(path: &Path) -> Result<String, SecretError> {
    let missing = || PrivateFileError::io(Kind::Secret, path, "read", io::ErrorKind::NotFound.into());
    let text = read_file(path)?.ok_or_else(missing)?;
    fit(&text, &path.display().to_string()).map(|_| text)
}

fn read(path: &Path) -> Result<Option<Secret>, SecretError> {
    let Some(text) = read_file(path)? else { return Ok(None) };
    fit(&text, &path.display().to_string()).map(Some)
}

fn fit(secret: &str, place: &str) -> Result<Secret, SecretError> {
    check_secret(secret).map_err(|reason| SecretError::Unfit { place: place.to_owned(), reason })
}

fn read_file(path: &Path) -> Result<Option<String>, SecretError> {
    let Some(bytes) = private_file::read(Kind::Secret, path)? else { return Ok(None) };
    let not_text = |_| unfit("a secret may hold visible ASCII characters only, no spaces", path);
    let mut text = String::from_utf8(bytes).map_err(not_text)?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(Some(text))
}

fn unfit(reason: &'static str, path: &Path) -> SecretError {
    SecretError::Unfit { place: path.display().to_string(), reason }
}

/// Writes it whole under another name and links it: nobody ever sees half a secret, and of two processes
/// that create one at once both end with the same.
fn create(path: &Path) -> Result<Secret, SecretError> {
    let trouble = |source| SecretError::File(PrivateFileError::io(Kind::Secret, path, "created", source));
    let draft = path.with_added_extension(format!("new-{}", random_hex::<8>()?));
    let linked = write_draft(&draft, &random_hex::<32>()?)
        .and_then(|()| fs::hard_link(&draft, path))
        .and_then(|()| sync_directory_of(path));
    let _ = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(trouble(error)),
        _ => read(path)?.ok_or_else(|| trouble(io::ErrorKind::NotFound.into())),
    }
}

fn write_draft(draft: &Path, secret: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// So many random bytes, in hexadecimal.
pub(crate) fn random_hex<const BYTES: usize>() -> Result<String, SecretError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(SecretError::NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        (directory, path)
    }

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn from_file(path: &Path) -> Result<Secret, SecretError> {
        agent_secret(&SecretOrigin::File(path.to_owned()))
    }

    #[test]
    fn b_1_4_a_missing_secret_is_minted_into_a_file_of_mode_0600_and_kept() {
        let (directory, path) = place();
        let minted = from_file(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!((text.len(), path.metadata().unwrap().mode() & 0o777), (64, 0o600));
        for secret in [minted, from_file(&path).unwrap()] {
            assert!(secret.opens(format!("Bearer {text}").as_bytes()));
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left there");
        let (_other_directory, other) = place();
        from_file(&other).unwrap();
        assert_ne!(fs::read_to_string(other).unwrap(), text);
    }

    #[test]
    fn b_1_4_proxies_that_mint_at_once_end_with_the_same_secret() {
        let (_directory, path) = place();
        let secrets: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| from_file(&path).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let bearer = format!("Bearer {}", fs::read_to_string(&path).unwrap());
        assert!(secrets.iter().all(|secret| secret.opens(bearer.as_bytes())));
    }

    #[test]
    fn the_line_end_of_an_editor_is_no_part_of_a_secret() {
        let (_directory, path) = place();
        for end in ["", "\n", "\r\n"] {
            write(&path, &format!("0123456789abcdef{end}"), 0o600);
            assert!(from_file(&path).unwrap().opens(b"Bearer 0123456789abcdef"));
            assert_eq!(read_text(&path).unwrap(), "0123456789abcdef");
        }
    }

    #[test]
    fn b_1_4_a_secret_that_others_can_read_is_refused_with_the_remedy() {
        let (_directory, path) = place();
        for mode in [0o640, 0o604, 0o620, 0o777] {
            write(&path, "0123456789abcdef", mode);
            let error = from_file(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
            assert!(error.contains(&format!("mode {mode:04o}")), "{error}");
        }
    }

    #[test]
    fn a_link_or_a_directory_in_the_place_of_a_secret_is_refused() {
        let (directory, path) = place();
        write(&directory.path().join("elsewhere"), "0123456789abcdef", 0o600);
        symlink("elsewhere", &path).unwrap();
        for path in [&path, directory.path()] {
            let error = from_file(path).unwrap_err().to_string();
            assert!(error.contains("is not a regular file, or is a link"), "{error}");
        }
    }

    #[test]
    fn b_9_6_an_unfit_secret_is_refused_without_being_shown() {
        let (_directory, path) = place();
        for unfit in ["", "hush", "hush hush hush hush", "hushhushhushhush\nhush"] {
            write(&path, unfit, 0o600);
            let error = from_file(&path).unwrap_err().to_string();
            assert!(error.contains("a secret ") && error.contains("/secret"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        let error = agent_secret(&SecretOrigin::Environment("hush".into())).unwrap_err().to_string();
        assert!(error.contains("RELAY_MCP_PROXY_SECRET") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn looking_for_a_secret_creates_none() {
        let (_directory, path) = place();
        assert!(existing_secret(&SecretOrigin::File(path.clone())).unwrap().is_none());
        assert!(read_text(&path).is_err());
        assert!(!path.exists());
        let error = from_file(&path.join("below")).unwrap_err().to_string();
        assert!(error.contains("cannot be created"), "{error}");
    }
}
