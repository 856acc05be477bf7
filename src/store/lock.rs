//! One program at a time writes a store.

use std::fs::File;
use std::path::Path;

use super::{Result, StoreProblem, refuse, require_file};

/// Held by the program that writes a store; readers are not hindered. The system opens it when the program ends, however it does.
///
/// To be taken before SQLite opens the file, and to be dropped after SQLite has closed it: closing any handle of a file takes SQLite's own
/// locks.
pub struct Lock(File);

impl Lock {
    /// Takes the lock of the file at `path`.
    ///
    /// # Errors
    /// When another program has it, or there is no such file, or it cannot be read.
    pub fn take(path: &Path) -> Result<Self> {
        require_file(path)?;
        let file = File::open(path).map_err(|error| refuse(path, error))?;
        // Elsewhere this lock would be in the way of SQLite's own. There, and where a file system has no locks, commits see what another
        // program wrote.
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{FlockOperation, flock};
            if flock(&file, FlockOperation::NonBlockingLockExclusive)
                == Err(rustix::io::Errno::WOULDBLOCK)
            {
                return Err(refuse(path, StoreProblem::Shared));
            }
        }
        Ok(Lock(file))
    }

    /// Whether the file at `path` is still the one that was locked. SQLite would go on writing one that was removed, or whose place another
    /// has taken.
    ///
    /// # Errors
    /// What became of it.
    pub fn require_in_place(&self, path: &Path) -> std::result::Result<(), StoreProblem> {
        let there = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreProblem::Missing);
            }
            other => other?,
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let mine = self.0.metadata()?;
            if (there.dev(), there.ino()) != (mine.dev(), mine.ino()) {
                return Err(StoreProblem::Replaced);
            }
        }
        let _ = there;
        Ok(())
    }
}
