//! The log file: rotated by size, with two older files kept as `.1` and `.2`.

use std::fs::{File, OpenOptions, rename};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that would grow beyond this is rotated.
const MOST: u64 = 20 * 1024 * 1024;
/// How many older files are kept.
const KEPT: u32 = 2;

/// Appends to a file that only its owner can read.
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    most: u64,
}

impl LogFile {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size, most: MOST })
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..KEPT).rev() {
            match rename(self.rotated(number), self.rotated(number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        rename(&self.path, self.rotated(1))?;
        *self = Self { most: self.most, ..Self::open(&self.path)? };
        Ok(())
    }

    /// The path of an older file.
    fn rotated(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.size > 0 && self.size + lines.len() as u64 > self.most {
            self.rotate()?;
        }
        let written = self.file.write(lines)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, read_to_string, remove_dir_all};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_full_file_is_rotated_and_the_oldest_removed() {
        let folder = std::env::temp_dir().join(format!("log-file-{}", std::process::id()));
        create_dir(&folder).unwrap();
        let path = folder.join("it.json");
        let open = || LogFile { most: 8, ..LogFile::open(&path).unwrap() };
        let mut log = open();
        for line in ["one\n", "two\n", "three\n", "four\n", "longer than a file\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        // A new process appends to the current file.
        open().write_all(b"six\n").unwrap();
        let said = ["it.json", "it.json.1", "it.json.2"].map(|name| read_to_string(folder.join(name)).unwrap());
        assert_eq!(said, ["six\n", "longer than a file\n", "four\n"]);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        remove_dir_all(&folder).unwrap();
    }
}
