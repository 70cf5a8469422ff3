//! Writes the documents into a directory, `docs/api`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).ok_or("usage: write DIRECTORY")?);
    fs::create_dir_all(directory.join("schemas"))?;
    for (name, text) in contract_docs::documents() {
        fs::write(directory.join(name), text)?;
    }
    Ok(())
}
