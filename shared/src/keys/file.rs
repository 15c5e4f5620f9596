//! The key file of the local server. Each line is a version and a key: `1 <64 hexadecimal digits>`. The first version
//! seals. The file's mode is 0600.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use super::{Keys, KeysError, Root};
use crate::domain::random::Randomness;
use crate::domain::secret::KeyVersion;

/// The master keys of one key file, by version.
pub struct KeyFile {
    versions: Vec<KeyVersion>,
    keys: Vec<(KeyVersion, hmac::Key)>,
}

impl KeyFile {
    /// Reads the file. A store without items gets a new file with a new key, where there is none.
    ///
    /// # Errors
    /// The file is missing beside a store that has items: under a new key of the same version they would not open, and right
    /// codes would count as wrong. It can't be read or made, others may read it, or a line is not a version and a key.
    pub fn open_beside(store_is_empty: bool, path: &Path, randomness: &dyn Randomness) -> io::Result<Self> {
        match read_private(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(text) => return Self::parse(&text),
            Err(_) if !store_is_empty => {
                return Err(io::Error::other(
                    "the key file is missing, and the store beside it has items that only its key opens. Put the file back, \
                     or remove the store to begin anew",
                ));
            }
            Err(_) => {}
        }
        let mut key = Root::default();
        randomness.fill(key.as_mut()).map_err(io::Error::other)?;
        let line = Zeroizing::new(format!("1 {}\n", HEXLOWER_PERMISSIVE.encode(key.as_ref())));
        create_private(path, line.as_bytes())?;
        Self::parse(&read_private(path)?)
    }

    fn parse(text: &str) -> io::Result<Self> {
        let mut keys = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (version, key) = parse_line(line).ok_or_else(|| {
                io::Error::other("each line must be a version from 1 to 255 and 64 hexadecimal digits")
            })?;
            if keys.iter().any(|(each, _)| *each == version) {
                return Err(io::Error::other("a key version appears twice"));
            }
            keys.push((version, key));
        }
        if keys.is_empty() {
            return Err(io::Error::other("the key file has no key in it"));
        }
        Ok(Self { versions: keys.iter().map(|(version, _)| *version).collect(), keys })
    }
}

fn parse_line(line: &str) -> Option<(KeyVersion, hmac::Key)> {
    let (version, key) = line.trim().split_once(' ')?;
    let version = version.parse().ok().filter(|version| *version > 0)?;
    let key = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(key.trim().as_bytes()).ok()?);
    (key.len() == 32).then(|| (KeyVersion(version), hmac::Key::new(hmac::HMAC_SHA256, &key)))
}

#[async_trait]
impl Keys for KeyFile {
    fn versions(&self) -> &[KeyVersion] {
        &self.versions
    }

    async fn derive(&self, version: KeyVersion, input: &[u8]) -> Result<Root, KeysError> {
        let (_, key) = self
            .keys
            .iter()
            .find(|(each, _)| *each == version)
            .ok_or(KeysError("the key version is not configured"))?;
        let tag = hmac::sign(key, input);
        tag.as_ref().try_into().map(Root::new).map_err(|_| KeysError("the derived key has the wrong length"))
    }
}

/// Reads a file and checks that only its owner can read it.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] if there is no file; any other kind if it can't be read or other users can read it.
pub fn read_private(path: &Path) -> io::Result<Zeroizing<String>> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(io::Error::other(format!("other users can read the file: run chmod 600 {}", path.display())));
    }
    fs::read_to_string(path).map(Zeroizing::new)
}

/// Writes a new file with mode 0600, whole or not at all. An existing file stays as it is.
///
/// # Errors
/// The folder can't be written.
pub fn create_private(path: &Path, content: &[u8]) -> io::Result<()> {
    // A hard link from a finished draft is atomic: no reader sees half a file, and the first writer wins.
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    // A draft with half a key must not stay on a full disk either.
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    // The name is on the disk only when the folder is: without it, a crash could lose a key that was used already.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
