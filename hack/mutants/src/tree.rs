//! The copy of the checkout that mutants are written into.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

/// What every mutant asks; a module of each package that has some.
const SWITCH: &str = include_str!("switch.rs.txt");

/// Sources as they are, and the copy.
pub struct Tree {
    /// Root of the checkout.
    pub pristine: PathBuf,
    /// Root of the copy.
    pub copy: PathBuf,
    /// Where the copy is built: kept from run to run.
    pub target: PathBuf,
}

/// Copies what git knows of the checkout, and what is new in it.
pub fn copy(output: &Path) -> Result<Tree> {
    let pristine = std::env::current_dir()?;
    let output = pristine.join(output);
    let tree = Tree {
        copy: output.join("tree"),
        target: output.join("build"),
        pristine,
    };
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .context("run git ls-files")?;
    anyhow::ensure!(listed.status.success(), "git ls-files failed");
    let _ = fs::remove_dir_all(&tree.copy);
    for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let (from, to) = (tree.pristine.join(name), tree.copy.join(name));
        // A file that is deleted but not committed yet is listed, too.
        if from.is_file() {
            fs::create_dir_all(to.parent().context("a file has a directory")?)?;
            fs::copy(&from, &to).with_context(|| format!("copy {name}"))?;
        }
    }
    allow_what_mutants_bring(&tree.copy)?;
    Ok(tree)
}

/// Code that no mutant reaches any more, or that has no comment, is not what this is about.
fn allow_what_mutants_bring(copy: &Path) -> Result<()> {
    let manifest = copy.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    let lint = "missing_docs = \"warn\"";
    anyhow::ensure!(text.contains(lint), "Cargo.toml has no line {lint}");
    let allowed = "missing_docs = \"allow\"\nunreachable_code = \"allow\"\nunused = { level = \"allow\", priority = -1 }";
    fs::write(manifest, text.replace(lint, allowed))?;
    Ok(())
}

impl Tree {
    /// Adds the switch to the package whose sources are in that directory.
    pub fn add_switch(&self, sources: &str) -> Result<()> {
        let library = format!("{sources}/lib.rs");
        let text = fs::read_to_string(self.pristine.join(&library))
            .with_context(|| format!("read {library}"))?;
        fs::write(
            self.copy.join(&library),
            format!("{text}\n#[doc(hidden)]\npub mod mutant_switch;\n"),
        )?;
        fs::write(self.copy.join(sources).join("mutant_switch.rs"), SWITCH)?;
        Ok(())
    }
}
