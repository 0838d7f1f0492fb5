//! `kubectl flashjob completion`.

use clap::Command;
use flashjob_operator::cli::{
    completion::{Shell, script},
    terminal::{Failure, write_out},
};

use crate::command_line::Exit;

/// What kubectl calls when it completes `kubectl flashjob …`.
const FOR_KUBECTL: &str = "#!/bin/sh\nexec kubectl-flashjob __complete -- \"$@\"\n";

/// Options of `completion`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob completion kubectl > ~/.local/bin/kubectl_complete-flashjob && chmod +x ~/.local/bin/kubectl_complete-flashjob\n  \
    source <(kubectl flashjob completion bash)\n  \
    kubectl flashjob completion fish > ~/.config/fish/completions/kubectl-flashjob.fish\n\n\
    The first makes kubectl's own completion complete `kubectl flashjob`, names of FlashJobs included; the others complete \
    kubectl-flashjob as a program of its own.\n\n\
    Rights: none; it asks no cluster.")]
pub struct Completion {
    /// What completes.
    #[arg(value_enum)]
    by: By,
}

/// What completes.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// kubectl, in the shells for which kubectl itself has completion.
    Kubectl,
    Bash,
    Zsh,
    Fish,
}

impl Completion {
    /// Prints the script.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn run(&self, command: Command) -> Result<Exit, Failure> {
        write_out(&text(self.by, command)?)?;
        Ok(Exit::Done)
    }
}

fn text(by: By, command: Command) -> Result<String, Failure> {
    let shell = match by {
        By::Kubectl => return Ok(FOR_KUBECTL.to_owned()),
        By::Bash => Shell::Bash,
        By::Zsh => Shell::Zsh,
        By::Fish => Shell::Fish,
    };
    script(
        shell,
        command.bin_name("kubectl-flashjob"),
        "kubectl-flashjob",
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::command_line::CommandLine;

    #[test]
    fn every_shell_completes_subcommands_and_their_options() {
        for by in [By::Bash, By::Zsh, By::Fish] {
            let script = text(by, CommandLine::command()).unwrap();
            for word in ["status", "request-timeout"] {
                assert!(script.contains(word), "{by:?}: {word} in\n{script}");
            }
        }
    }
}
