//! `kubectl flashjob manual`: pages for man, one a subcommand, as packages of the program have them. Touches no cluster.

use std::path::PathBuf;

use clap::Command;
use flashjob_operator::cli::terminal::Failure;

use crate::command_line::Exit;

/// Options of `manual`.
#[derive(clap::Args, Debug)]
pub struct Manual {
    /// Directory into which the pages are written; it is made where it is not there.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

impl Manual {
    /// Writes the pages.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn run(&self, command: Command) -> Result<Exit, Failure> {
        let failed = |error| format!("cannot write into {}: {error}", self.directory.display());
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        clap_mangen::generate_to(command, &self.directory).map_err(failed)?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::command_line::CommandLine;

    #[test]
    fn every_subcommand_has_a_page_whose_examples_keep_their_lines() {
        let directory = tempfile::tempdir().unwrap();
        let manual = Manual {
            directory: directory.path().join("man"),
        };
        manual.run(CommandLine::command()).unwrap();
        let page = |name: &str| std::fs::read_to_string(manual.directory.join(name)).unwrap();
        assert!(page("kubectl-flashjob.1").contains("kubectl\\-flashjob\\-explain(1)"));
        for command in CommandLine::command().get_subcommands() {
            let file = format!("kubectl-flashjob-{}.1", command.get_name());
            let there = manual.directory.join(&file).exists();
            assert_eq!(there, !command.is_hide_set(), "{file}");
        }
        let example = "\n  kubectl flashjob stop \\-\\-all\n";
        assert!(page("kubectl-flashjob-stop.1").contains(example));
    }
}
