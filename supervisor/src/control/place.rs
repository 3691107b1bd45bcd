//! Where control sockets are, and whose: nobody but their owner can reach them, and a file that is no socket is never touched.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::geteuid;

/// Longest path of a socket in bytes: what fits into an address of the kernel's, with its NUL.
pub const MAX_PATH: usize = 107;
/// Ending of the sockets' names in the folder for them; before it stands the supervisor's process number.
const EXTENSION: &str = "sock";

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The path is taken by something that must not be replaced.
    #[error("there is something else than a socket")]
    Foreign,
    /// Somebody listens there.
    #[error("another program listens there")]
    InUse,
    /// The path does not fit into an address.
    #[error("{0} bytes are too long for a socket's path, {MAX_PATH} is the most")]
    TooLong(usize),
    /// The kernel refuses.
    #[error("{0}")]
    Refused(#[from] io::Error),
}

/// A socket in the file system. It is removed when this is dropped, if it is still the one that was made.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// Device and inode.
    identity: Option<(u64, u64)>,
}

impl Place {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Device and inode of a socket, not through a symbolic link.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::symlink_metadata(path).ok()?;
    metadata.file_type().is_socket().then(|| (metadata.dev(), metadata.ino()))
}

/// Opens a listening socket at `path` that only its owner can reach. One that a dead run has left behind is replaced.
///
/// # Errors
/// When something else is there, when somebody listens there, when the path is too long, or when the kernel refuses.
pub fn open(path: &Path) -> Result<(UnixListener, Place), PlaceError> {
    let len = path.as_os_str().len();
    if len > MAX_PATH {
        return Err(PlaceError::TooLong(len));
    }
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(PlaceError::Foreign),
        Ok(_) if !is_abandoned(path) => return Err(PlaceError::InUse),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(io::Error::from)?;
    bind_privately(&fd, path)?;
    let place = Place { path: path.to_owned(), identity: identity(path) };
    listen(&fd, Backlog::new(16).map_err(io::Error::from)?).map_err(io::Error::from)?;
    Ok((fd.into(), place))
}

/// Binds with mode 0600 from the first instant: the kernel gives the file the mode of the unbound socket.
fn bind_privately(fd: &OwnedFd, path: &Path) -> io::Result<()> {
    fchmod(fd, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(())
}

/// Whether nobody listens at this socket any more.
fn is_abandoned(path: &Path) -> bool {
    UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The folders in which this user's runs may have their sockets, the preferred one first.
fn folders() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let runtime = runtime.map(|path| path.join("bulkhead"));
    runtime.into_iter().chain([PathBuf::from(format!("/tmp/bulkhead-{}", geteuid()))]).collect()
}

/// Whether a folder is one that only this user can write to: others may have put one there, or a link to one.
fn is_private(folder: &Path) -> bool {
    fs::symlink_metadata(folder)
        .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o022 == 0)
}

/// Opens the socket of a run that was not told where: in a folder of this user's, by the process' number. Clears away what
/// dead runs have left there. `None` where there is no such folder and none can be made.
pub fn open_default() -> Option<(UnixListener, Place)> {
    folders().into_iter().find_map(|folder| {
        // It may be there already.
        let _ = DirBuilder::new().mode(0o700).create(&folder);
        if !is_private(&folder) {
            return None;
        }
        for path in sockets(&folder).filter(|path| is_abandoned(path)) {
            let _ = fs::remove_file(path);
        }
        open(&folder.join(format!("{}.{EXTENSION}", std::process::id()))).ok()
    })
}

/// The sockets in a folder.
fn sockets(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_ours = |path: &PathBuf| path.extension() == Some(OsStr::new(EXTENSION)) && identity(path).is_some();
    entries.map(|entry| entry.path()).filter(is_ours)
}

/// The sockets of this user's runs, dead ones left out, in the order of their names.
pub fn candidates() -> Vec<PathBuf> {
    let folders = folders().into_iter().filter(|folder| is_private(folder));
    let mut found: Vec<_> = folders.flat_map(|folder| sockets(&folder).collect::<Vec<_>>()).collect();
    found.retain(|path| !is_abandoned(path));
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_its_owners_alone_and_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let (listener, place) = open(&path).unwrap();
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.mode() & 0o7777, 0o600);
        UnixStream::connect(&path).unwrap();
        assert!(matches!(open(&path), Err(PlaceError::InUse)));
        drop((listener, place));
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_run_left_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        drop(UnixListener::bind(&path).unwrap());
        let (_listener, place) = open(&path).unwrap();
        // Somebody else's by now.
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(place);
        assert!(path.exists());

        let file = folder.path().join("file");
        fs::write(&file, "precious").unwrap();
        let link = folder.path().join("link");
        for target in [&path, &file, &folder.path().join("nowhere")] {
            std::os::unix::fs::symlink(target, &link).unwrap();
            assert!(matches!(open(&link), Err(PlaceError::Foreign)), "{}", target.display());
            assert!(link.is_symlink());
            fs::remove_file(&link).unwrap();
        }
        for taken in [&file, folder.path()] {
            assert!(matches!(open(taken), Err(PlaceError::Foreign)), "{}", taken.display());
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    }

    #[test]
    fn a_path_that_does_not_fit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n".repeat(MAX_PATH));
        assert!(matches!(open(&path), Err(PlaceError::TooLong(_))));
        let missing = folder.path().join("none/control");
        assert!(matches!(open(&missing), Err(PlaceError::Refused(error)) if error.kind() == io::ErrorKind::NotFound));
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let of_mode = |name: &str, mode| {
            let path = folder.path().join(name);
            DirBuilder::new().mode(0o700).create(&path).unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            path
        };
        assert!(is_private(&of_mode("own", 0o700)));
        assert!(!is_private(&of_mode("group's", 0o770)));
        assert!(!is_private(&of_mode("all's", 0o1777)));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("own"), &link).unwrap();
        assert!(!is_private(&link));
    }
}
