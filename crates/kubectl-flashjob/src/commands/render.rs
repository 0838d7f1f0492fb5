//! `kubectl flashjob render`: what a chart renders, or what would be applied for one device. Touches no cluster.

mod chart;
mod class;
pub mod device;
mod values;

use std::path::PathBuf;

use flashjob_operator::{
    cli::{
        input,
        terminal::{Failure, write_out},
    },
    settings::FlashPodSettings,
};
use helm_chart::engine::Capabilities;

use crate::command_line::{Common, Exit};

/// Options of `render`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob render --chart ./my-chart --name test --namespace demo -f values.yaml\n  \
    kubectl flashjob render --flashjob job.yaml --instance instance.yaml -f operator-values.yaml\n  \
    kubectl flashjob render --flashjob job.yaml --instance instance.yaml --flash-class class.yaml --explain-values\n  \
    kustomize build . | kubectl flashjob render --flashjob - --instance instance.yaml\n\n\
    A file named - is standard input. -n is the namespace of the release, or of a FlashJob whose file names none; unset: default.\n\n\
    Rights: none; it asks no cluster.")]
pub struct Render {
    /// Chart to render as it is: a directory or a .tgz archive.
    #[arg(
        long,
        value_name = "PATH",
        required_unless_present = "flashjob",
        conflicts_with = "flashjob"
    )]
    chart: Option<PathBuf>,

    /// Name of the release.
    #[arg(long, default_value = "release-name", conflicts_with = "flashjob")]
    name: String,

    /// File of a FlashJob: renders what would be applied for one of its devices.
    #[arg(long, value_name = "FILE", requires = "instance")]
    flashjob: Option<PathBuf>,

    /// File of the device's Akri Instance.
    #[arg(long, value_name = "FILE", requires = "flashjob")]
    instance: Option<PathBuf>,

    /// File of the FlashClass under which the job begins: its defaults and what it opens are in the values, and what it does
    /// not allow is said. Its rules about namespaces are not asked. Unset: as if no class said anything.
    #[arg(long, value_name = "FILE", requires = "flashjob")]
    flash_class: Option<PathBuf>,

    /// Address of the device's Service. Unset: an example address.
    #[arg(long, value_name = "IPV4", requires = "flashjob")]
    address: Option<std::net::Ipv4Addr>,

    /// Instead of objects, print each value with the layer that set it, and what the job may not set.
    #[arg(long, requires = "flashjob")]
    explain_values: bool,

    /// Values: of the chart, or those of the administrator for all devices. Later files win.
    #[arg(long = "values", short = 'f', value_name = "FILE")]
    values: Vec<PathBuf>,

    /// Kubernetes version that templates see.
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,

    /// API versions that templates see besides the usual ones.
    #[arg(long, value_name = "VERSION", value_delimiter = ',')]
    api_versions: Vec<String>,

    #[command(flatten)]
    settings: FlashPodSettings,
}

impl Render {
    /// Prints what is rendered.
    ///
    /// # Errors
    /// When a file cannot be used, or chart, schema or guard refuse: with file, key and reason.
    pub fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let namespace = common.connection.namespace.as_deref();
        let namespace = namespace.unwrap_or("default");
        let files = [&self.flashjob, &self.instance, &self.flash_class];
        input::only_one(files.into_iter().flatten().chain(&self.values))?;
        let text = match (&self.chart, &self.flashjob, &self.instance) {
            (Some(path), ..) => self.render_chart(namespace, path)?,
            (None, Some(job), Some(instance)) => self.render_device(namespace, job, instance)?,
            (None, ..) => return Err("give --chart, or --flashjob and --instance".into()),
        };
        write_out(&text)?;
        Ok(Exit::Done)
    }

    fn capabilities(&self) -> Result<Capabilities, Failure> {
        let mut capabilities = Capabilities::default();
        if let Some(version) = &self.kube_version {
            capabilities.kube_version = full_version(version)?;
        }
        capabilities
            .api_versions
            .extend(self.api_versions.iter().cloned());
        Ok(capabilities)
    }
}

/// `1.33` means `v1.33.0`, as it does to Helm.
fn full_version(text: &str) -> Result<String, Failure> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let padded = match bare.split('.').count() {
        1 => format!("{bare}.0.0"),
        2 => format!("{bare}.0"),
        _ => bare.to_owned(),
    };
    let version = semver::Version::parse(&padded)
        .map_err(|error| format!("--kube-version {text}: {error}"))?;
    Ok(format!("v{version}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1.33", "v1.33.0")]
    #[case("v1.33.1", "v1.33.1")]
    #[case("1.30.2-gke.1", "v1.30.2-gke.1")]
    fn a_kubernetes_version_may_be_short(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(full_version(text).expect("a version"), expected);
    }

    #[test]
    fn a_kubernetes_version_that_is_none_is_refused() {
        assert!(full_version("latest").is_err());
    }
}
