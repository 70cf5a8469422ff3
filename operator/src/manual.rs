//! `signalbox man`: one manual page with every command, its options and its examples.

use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::Args;

/// The page, as roff.
pub(crate) fn page() -> io::Result<Vec<u8>> {
    let mut root = Args::command();
    root.build();
    let man = Man::new(root.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    page.extend(b".SH COMMANDS\n");
    command(&root, &mut page)?;
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// Adds each subcommand as a subsection.
fn command(parent: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    for below in parent.get_subcommands().filter(|it| it.get_name() != "help") {
        if below.has_subcommands() {
            command(below, page)?;
            continue;
        }
        let mut text = Vec::new();
        let man = Man::new(below.clone());
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        man.render_extra_section(&mut text)?;
        page.extend(format!(".SS {}\n", below.get_bin_name().unwrap_or_else(|| below.get_name())).bytes());
        // Sections of a command become paragraphs of its subsection.
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().map(|line| if line.starts_with(".SH ") { ".PP" } else { line });
        page.extend(lines.flat_map(|line| [line, "\n"]).flat_map(str::bytes));
    }
    Ok(())
}
