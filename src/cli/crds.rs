//! `flashjob-operator crds`: the CRDs as YAML, printed or written to files. Touches no cluster.

use std::path::PathBuf;

use super::{Failure, write_out};
use crate::api;

/// Options of `crds`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Rights: none; it asks no cluster.")]
pub struct Crds {
    /// Directory to write one file a CRD to. Unset: print them.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
}

impl Crds {
    /// Prints or writes.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn run(&self) -> Result<(), Failure> {
        let manifests = api::crd::manifests();
        let Some(directory) = &self.output_dir else {
            let documents: Vec<_> = manifests.iter().map(|(_, text)| text.as_str()).collect();
            return write_out(&documents.join("---\n"));
        };
        std::fs::create_dir_all(directory)
            .map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
        for (name, text) in manifests {
            let path = directory.join(name);
            std::fs::write(&path, text)
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
        Ok(())
    }
}
