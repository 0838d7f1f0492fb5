//! Which devices are meant: the options of `devices` and `create`, as a job's selector has them.

use flashjob_operator::{
    cli::{fleet::Filter, terminal::Failure},
    device::Selector,
};

use crate::command_line::Misused;

/// Which devices are meant.
#[derive(clap::Args, Clone, Debug)]
pub struct Filters {
    /// Devices of this type, their property DEVICE.
    #[arg(long, value_name = "TYPE", help_heading = "Filters")]
    pub device: Option<String>,

    /// Devices that run this application, their property APPLICATION_TYPE.
    #[arg(long, value_name = "TYPE", help_heading = "Filters")]
    pub app: Option<String>,

    /// Devices that this Akri Configuration found; may be given several times.
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    configuration: Vec<String>,

    /// Devices with this property; may be given several times.
    #[arg(long, short, value_name = "KEY=VALUE", help_heading = "Filters", value_parser = property)]
    pub property: Vec<(String, String)>,
}

/// Reads `KEY=VALUE`.
///
/// # Errors
/// When it is none.
pub fn property(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Filters {
    /// What the filters mean; none where there is none.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn selector(&self, version: Option<&str>) -> Result<Option<Selector>, Failure> {
        let filter = Filter {
            device: self.device.clone(),
            application: self.app.clone(),
            configurations: self.configuration.clone(),
            properties: self.property.clone(),
            version: version.map(str::to_owned),
        };
        let Some(selector) = filter.selector() else {
            return Ok(None);
        };
        let parsed = Selector::parse(&selector);
        Ok(Some(parsed.map_err(|error| Misused(error.to_string()))?))
    }
}
