//! Which devices are meant: the options of `devices` and `create`, as a job's selector has them.

use std::collections::BTreeMap;

use flashjob_operator::{
    api::{DeviceSelector, PropertyOperator, PropertyRequirement},
    cli::terminal::Failure,
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
        let mut exact: BTreeMap<String, String> = self.property.iter().cloned().collect();
        let named = [("DEVICE", &self.device), ("APPLICATION_TYPE", &self.app)];
        for (property, value) in named {
            if let Some(value) = value {
                exact.insert(property.to_owned(), value.clone());
            }
        }
        let version = version.map(|range| PropertyRequirement {
            property: "VERSION".to_owned(),
            operator: PropertyOperator::VersionIn,
            values: vec![range.to_owned()],
        });
        let selector = DeviceSelector {
            configurations: self.configuration.clone(),
            match_properties: exact,
            match_expressions: version.into_iter().collect(),
            ..DeviceSelector::default()
        };
        if selector == DeviceSelector::default() {
            return Ok(None);
        }
        let parsed = Selector::parse(&selector);
        Ok(Some(parsed.map_err(|error| Misused(error.to_string()))?))
    }
}
