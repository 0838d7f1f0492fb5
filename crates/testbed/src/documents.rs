//! Commands in the pages for people, for tests that hold them against a command line.

use std::path::PathBuf;

use crate::paths::root;

/// Every page for people but one, the reference, which is generated.
pub fn pages(reference: &str) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for directory in [
        "",
        "docs",
        "deploy",
        "charts/flash-pod",
        "charts/flashjob-operator",
    ] {
        let files = std::fs::read_dir(root().join(directory)).unwrap();
        let files = files.map(|file| file.unwrap().path());
        pages.extend(files.filter(|file| file.extension().is_some_and(|end| end == "md")));
    }
    pages.retain(|page| !page.ends_with(reference));
    pages
}

/// The commands of a program on a line: at its beginning, or between backticks.
pub fn commands<'a>(program: &str, line: &'a str) -> Vec<&'a str> {
    let begins = line.trim_start().trim_start_matches("$ ");
    if begins.starts_with(program) {
        return vec![begins];
    }
    let inline = line.split('`').skip(1).step_by(2);
    inline.filter(|code| code.starts_with(program)).collect()
}
