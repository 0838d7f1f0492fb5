//! `flashjob-operator values-schema`: renews what is generated in the operator chart's values.schema.json. For `make generate`;
//! touches no cluster.

use std::path::PathBuf;

use super::{Failure, write_out};
use crate::{api::values_schema::renew, operator::flash_chart};

/// Options of `values-schema`.
#[derive(clap::Args, Debug)]
pub struct ValuesSchema {
    /// The file as it is.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl ValuesSchema {
    /// Prints the file as it has to be.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn run(&self) -> Result<(), Failure> {
        let file = std::fs::read_to_string(&self.file)
            .map_err(|error| format!("cannot read {}: {error}", self.file.display()))?;
        let chart = flash_chart(None)?;
        let schema = chart.schema.as_deref().unwrap_or(b"{}");
        write_out(&renew(&file, &serde_json::from_slice(schema)?)?)
    }
}
