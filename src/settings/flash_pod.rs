//! The settings of the flash chart, and of what flash Pods may be.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};

use super::words;
use helm_chart::feature::{Feature, Features};

/// Settings of the flash chart and of what it may render: those of `kubectl flashjob render` and `plan`, too.
#[derive(Args, Debug, Clone, PartialEq)]
pub struct FlashPodSettings {
    /// Flash chart: a directory or a .tgz archive. Unset: the one built in.
    #[arg(
        long,
        env = "FLASHJOB_FLASH_POD_CHART",
        value_name = "PATH",
        help_heading = "Flash chart"
    )]
    pub flash_pod_chart: Option<PathBuf>,

    /// What a flash chart may do beyond rendering its own text, comma-separated. Unset: nothing of it, whatever the engine. See
    /// SECURITY.md for what each of them opens.
    #[arg(
        long,
        env = "FLASHJOB_CHART_ALLOW",
        value_parser = chart_feature(),
        value_delimiter = ',',
        value_name = "FEATURE",
        help_heading = "Flash chart"
    )]
    pub chart_allow: Vec<Feature>,

    /// Chart values that a FlashJob may set: JSON Pointers such as /resources or /nodeSelector, comma-separated.
    #[arg(
        long,
        env = "FLASHJOB_ALLOWED_VALUE_PATHS",
        value_parser = words::pointer,
        value_delimiter = ',',
        value_name = "POINTER",
        help_heading = "Flash chart"
    )]
    pub allowed_value_paths: Vec<String>,

    /// Images and firmware that may be used: patterns with *, comma-separated.
    #[arg(
        long,
        env = "FLASHJOB_ALLOWED_FLASH_IMAGES",
        value_delimiter = ',',
        default_value = "*",
        value_name = "PATTERN",
        help_heading = "Guard"
    )]
    pub allowed_flash_images: Vec<String>,

    /// Service accounts that flash Pods may run as, comma-separated. Unset: only the namespace's default.
    #[arg(
        long,
        env = "FLASHJOB_ALLOWED_SERVICE_ACCOUNTS",
        value_parser = words::name,
        value_delimiter = ',',
        value_name = "NAME",
        help_heading = "Guard"
    )]
    pub allowed_service_accounts: Vec<String>,

    /// Secrets that flash Pods may mount or pull images with, comma-separated. Unset: those that the administrator's
    /// chart values name.
    #[arg(
        long,
        env = "FLASHJOB_ALLOWED_SECRET_NAMES",
        value_parser = words::name,
        value_delimiter = ',',
        value_name = "NAME",
        help_heading = "Guard"
    )]
    pub allowed_secret_names: Vec<String>,

    /// Kinds that the flash chart may render besides Pod and Service, as group/version/Kind or v1/Kind, comma-separated.
    #[arg(
        long = "extra-kinds",
        alias = "allowed-extra-kinds",
        env = "FLASHJOB_EXTRA_KINDS",
        value_parser = words::kind,
        value_delimiter = ',',
        value_name = "KIND",
        help_heading = "Guard"
    )]
    pub allowed_extra_kinds: Vec<String>,
}

fn chart_feature() -> impl TypedValueParser<Value = Feature> {
    let named =
        Feature::ALL.map(|feature| PossibleValue::new(feature.name()).help(feature.summary()));
    PossibleValuesParser::new(named).try_map(|name| name.parse::<Feature>())
}

impl FlashPodSettings {
    /// What charts may use.
    #[must_use]
    pub fn features(&self) -> Features {
        self.chart_allow.iter().copied().collect()
    }
}
