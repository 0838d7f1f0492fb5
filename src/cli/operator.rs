//! With what settings the operator of a cluster runs, read from its Deployment and from its `ConfigMap`. Reads only.

use clap::{Arg, ArgAction, Args, Command, FromArgMatches, builder::Resettable};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Container, EnvVar},
};

use crate::{
    cluster::{ErrorKind, Reader},
    names::VALUES_KEY,
    settings::Settings,
};

/// Name of the operator's Deployment.
pub const DEPLOYMENT: &str = "flashjob-operator";

/// An operator as it was started.
#[derive(Debug)]
pub struct Operator {
    /// Its settings.
    pub settings: Settings,
    /// Chart values for all devices, and the name of their source.
    pub values: Option<(String, String)>,
}

/// The operator of that namespace.
///
/// # Errors
/// Why its settings are not known.
pub async fn find(reader: &Reader, namespace: &str) -> Result<Operator, String> {
    let place = format!("{namespace}/{DEPLOYMENT}");
    let found = reader.get::<Deployment>(namespace, DEPLOYMENT).await;
    let deployment = match found {
        Ok(Some(deployment)) => deployment,
        Ok(None) => {
            return Err(format!(
                "there is no Deployment {place}: name the namespace of the operator with --operator-namespace"
            ));
        }
        Err(error) if error.kind == ErrorKind::Forbidden => {
            return Err(format!("you may not get Deployment {place}"));
        }
        Err(error) => return Err(error.to_string()),
    };
    let settings =
        settings_of(&deployment).map_err(|error| format!("Deployment {place}: {error}"))?;
    let values = match &settings.flash_pod_values_configmap {
        Some(name) => {
            let namespace = settings.lease_namespace.as_deref().unwrap_or(namespace);
            Some(values(reader, namespace, name).await?)
        }
        None => None,
    };
    Ok(Operator { settings, values })
}

/// The settings with which a Deployment runs the operator.
///
/// # Errors
/// Why they are not known.
pub fn settings_of(deployment: &Deployment) -> Result<Settings, String> {
    let container = container(deployment).ok_or("it has no container")?;
    settings(container).map_err(|error| format!("its arguments are not understood: {error}"))
}

fn container(deployment: &Deployment) -> Option<&Container> {
    let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
    let mut containers = pod.containers.iter();
    let named = containers.find(|container| container.name == "operator");
    named.or_else(|| pod.containers.first())
}

/// The settings of a container, by its arguments and its environment alone: nothing of this process's own environment counts.
fn settings(container: &Container) -> Result<Settings, String> {
    let command = Settings::augment_args(Command::new("run").no_binary_name(true));
    let given = container
        .args
        .iter()
        .flatten()
        .skip_while(|word| *word == "run");
    let given: Vec<String> = given.cloned().collect();
    let environment = container.env.iter().flatten();
    let environment = environment.filter_map(|variable| flag(&command, &given, variable));
    let words: Vec<String> = environment.chain(given.iter().cloned()).collect();
    let command = command.mut_args(|argument| argument.env(Resettable::Reset));
    let matches = command.try_get_matches_from(words);
    let settings = matches.and_then(|matches| Settings::from_arg_matches(&matches));
    settings.map_err(|error| {
        error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    })
}

/// The argument that means the same as a variable, where no argument that was given overrules it.
fn flag(command: &Command, given: &[String], variable: &EnvVar) -> Option<String> {
    let value = variable.value.as_deref()?;
    let is_it = |argument: &&Arg| {
        argument
            .get_env()
            .is_some_and(|name| name == variable.name.as_str())
    };
    let argument = command.get_arguments().find(is_it)?;
    let mut names = vec![argument.get_long()?];
    names.extend(argument.get_all_aliases().unwrap_or_default());
    let is_given = |word: &String| {
        let name = word
            .strip_prefix("--")
            .map(|word| word.split('=').next().unwrap_or(word));
        name.is_some_and(|name| names.contains(&name))
    };
    if given.iter().any(is_given) {
        return None;
    }
    let long = names[0];
    match argument.get_action() {
        ArgAction::SetTrue => (value == "true").then(|| format!("--{long}")),
        _ => Some(format!("--{long}={value}")),
    }
}

async fn values(reader: &Reader, namespace: &str, name: &str) -> Result<(String, String), String> {
    let found = match reader.get::<ConfigMap>(namespace, name).await {
        Ok(found) => found,
        Err(error) if error.kind == ErrorKind::Forbidden => {
            return Err(format!("you may not get ConfigMap {namespace}/{name}"));
        }
        Err(error) => return Err(error.to_string()),
    };
    let map = found.ok_or_else(|| {
        format!("there is no ConfigMap {namespace}/{name}, and nothing begins before there is")
    })?;
    let text = map.data.and_then(|mut data| data.remove(VALUES_KEY));
    Ok((
        text.unwrap_or_default(),
        format!("ConfigMap {name} {VALUES_KEY}"),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(args: &[&str], env: &serde_json::Value) -> Result<Settings, String> {
        let container = json!({"name": "operator", "args": args, "env": env});
        settings(&serde_json::from_value(container).unwrap())
    }

    #[test]
    fn the_operator_is_known_by_the_arguments_and_the_environment_of_its_container() {
        let args = [
            "run",
            "--allowed-value-paths=/resources",
            "--max-in-flight=7",
            "--watch-namespaces=a",
            "--watch-namespaces=b",
        ];
        let env = json!([
            {"name": "FLASHJOB_MAX_IN_FLIGHT", "value": "9"},
            {"name": "FLASHJOB_COOL_DOWN_SECONDS", "value": "12"},
            {"name": "FLASHJOB_FENCE", "value": "true"},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "OTHER", "value": "x"},
        ]);
        let settings = of(&args, &env).unwrap();
        assert_eq!(settings.flash_pod.allowed_value_paths, ["/resources"]);
        assert_eq!(
            (settings.max_in_flight, settings.cool_down_seconds),
            (7, 12)
        );
        assert_eq!(settings.watch_namespaces, ["a", "b"]);
        assert!(settings.fence);
    }

    #[test]
    fn arguments_of_another_version_are_said() {
        let error = of(&["run", "--of-tomorrow"], &json!([])).unwrap_err();
        assert!(error.contains("--of-tomorrow"), "{error}");
    }
}
