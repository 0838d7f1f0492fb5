//! `flashjob-operator verify-receipt`: checks receipts of flashes offline. Reads files, asks no cluster.

use std::{path::PathBuf, process::ExitCode};

use super::{Failure, input, write_out};
use crate::provenance::receipts::{PublicKeys, Report, verify};

/// Options of `verify-receipt`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    kubectl logs -n flashjob-system deployment/flashjob-operator > flashjob.log\n  \
    flashjob-operator verify-receipt flashjob.log --key receipt.pub\n\n\
    Every signature has to hold, and no receipt of a round may be missing.\n\n\
    Exit codes: 0 all of them hold, 1 one does not, or none is there, 2 wrong usage.\n\n\
    Rights: none; it asks no cluster.")]
pub struct VerifyReceipt {
    /// Log of the operator, or receipts, one a line; - is standard input. Several files are read as one.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Public key in PEM. Once for each key that was used.
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,

    /// Do not mind that receipts of a round are missing.
    #[arg(long)]
    partial: bool,
}

impl VerifyReceipt {
    /// Prints what holds and what does not.
    ///
    /// # Errors
    /// When a file cannot be read, or a key is not one.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        input::only_one(self.files.iter().chain(&self.key))?;
        let mut keys = PublicKeys::default();
        for path in &self.key {
            let added = keys.add(&input::text(path)?);
            added.map_err(|fault| format!("{}: {fault}", input::name(path)))?;
        }
        let mut all = Vec::new();
        for path in &self.files {
            all.extend(input::bytes(path)?);
            all.push(b'\n');
        }
        let report = verify(&all, &keys);
        write_out(&words(&report))?;
        Ok(if holds(&report, self.partial) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn holds(report: &Report, partial: bool) -> bool {
    let whole = report.rounds.iter().all(|round| round.whole.is_ok());
    report.faults.is_empty() && !report.rounds.is_empty() && (partial || whole)
}

fn words(report: &Report) -> String {
    let mut lines = Vec::new();
    for round in &report.rounds {
        let of = format!(
            "{}/{} (uid {}), round {}",
            round.job.namespace, round.job.name, round.job.uid, round.round
        );
        lines.push(match &round.whole {
            Ok(root) => format!(
                "OK    {of}: {} devices, none is missing, root {root}",
                round.devices
            ),
            Err(why) => format!("FAIL  {of}: {} devices; {why}", round.devices),
        });
    }
    for (line, why) in &report.faults {
        lines.push(format!("FAIL  line {line}: {why}"));
    }
    if report.rounds.is_empty() && report.faults.is_empty() {
        lines.push("FAIL  there is no receipt in it".to_owned());
    }
    lines.join("\n") + "\n"
}
