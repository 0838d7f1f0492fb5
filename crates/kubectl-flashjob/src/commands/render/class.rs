//! What a FlashClass in a file makes of a job: its defaults, what it opens, and what it does not allow. Reads the file.
//!
//! Which labels a namespace bears only a cluster knows: the class's rules about namespaces are not asked.

use std::path::Path;

use flashjob_operator::{
    api::{FlashClass, Guarded, Reason, Refusal, crd::Kind},
    cli::{input, terminal::Failure},
    device::Device,
    flashclass::{Class, Classes, Facts, Namespaces, Terms, beginning},
    flashjob::{blueprint::FlashPod, spec::job::Job},
};

use super::device::{checked, refused};

/// The terms of a job that begins under the class of a file, whose one device is this.
///
/// # Errors
/// When the file cannot be used, the job names another class, or the class does not allow job or device.
pub(super) fn terms(
    path: &Path,
    job: &Job,
    device: &Device,
    flash_pod: &FlashPod,
) -> Result<Terms, Failure> {
    let class = read(path)?.checked(|values| flash_pod.class_fault(values));
    let asks = job.asks().ok_or("the FlashJob cannot be used")?;
    if let Some(named) = asks.spec.flash_class_name.as_deref()
        && named != class.name()
    {
        let (path, holds) = (input::name(path), class.name());
        return Err(format!(
            "{path}: holds FlashClass {holds}, but spec.flashClassName of the FlashJob is {named}"
        )
        .into());
    }
    let mut classes = Classes::default();
    classes.installed = true;
    classes.see(class);
    let facts = Facts {
        classes: &classes,
        namespaces: &Namespaces::new(),
        own_namespace: "",
    };
    let terms = beginning(&asks, &facts);
    let forbidden = || {
        Some(Refusal {
            reason: Reason::DeviceNotAllowed,
            message: terms.forbid(device)?,
        })
    };
    match terms.refusal.clone().or_else(forbidden) {
        Some(refusal) => Err(refused(&refusal).into()),
        None => Ok(terms),
    }
}

/// The class of a file, as one that jobs which name none are of.
fn read(path: &Path) -> Result<Class, Failure> {
    let mut guard: Guarded<FlashClass> = checked(Kind::FlashClass, "", path)?;
    if let Ok(class) = &mut guard.0 {
        class.spec.allowed_job_namespaces = None;
        class.spec.device_namespaces = None;
    }
    let mut class = Class::parse(&guard)
        .ok_or_else(|| format!("{}: the FlashClass lacks metadata.name", input::name(path)))?;
    class.is_default = true;
    Ok(class)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;

    use super::super::Render;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        render: Render,
    }

    const JOB: &str = "metadata: {name: lamps, namespace: lab}\n\
                       spec: {uuid: [7e4a6e7b-bee6-4fac-bdea-43d671baaa15], firmware: 'registry.example.com/esp32:1', version: 0.2.0, MORE}\n";
    const INSTANCE: &str = "metadata: {name: i, uid: a}\n\
                            spec:\n  configurationName: lamps\n  shared: false\n  nodes: [node-a]\n\
                            \x20 brokerProperties: {HOST_ENDPOINT: 192.0.2.7, DEVICE: esp32s3, APPLICATION_TYPE: lamp}\n";

    fn render(class: &str, job: &str, explain: bool) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let class = format!("metadata: {{name: esp32}}\nspec: {class}\n");
        let class = file("class.yaml", &class);
        let job = file("job.yaml", &JOB.replace("MORE", job));
        let instance = file("instance.yaml", INSTANCE);
        let mut line = vec!["render".into(), "--flashjob".into(), job.clone()];
        line.extend(["--instance".into(), instance.clone()]);
        line.extend(["--flash-class".into(), class]);
        line.extend(explain.then(|| "--explain-values".into()));
        let line = Line::parse_from(line);
        let rendered = line.render.render_device("default", &job, &instance);
        rendered.map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_of_the_class_are_a_layer_and_a_job_sets_the_paths_that_it_opens() {
        let class = "{defaults: {flashImage: 'registry.example.com/flash:7', values: {nodeSelector: {lan: '{{ device.configuration }}'}}}, \
                     allowedValuePaths: [/resources]}";
        let job = "values: {resources: {limits: {memory: 1Gi}}}";
        let text = render(class, job, false).unwrap();
        for part in ["registry.example.com/flash:7", "lan: lamps", "memory: 1Gi"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        let text = render(class, job, true).unwrap();
        assert!(text.contains("/nodeSelector/lan lamps ← class"), "{text}");
        let closed = render("{}", job, false).unwrap_err();
        assert_eq!(
            closed,
            "ValueNotAllowed: /resources/limits/memory: a FlashJob may not set this (the flash chart does): remove it from \
             spec.values, or have an administrator add /resources/limits/memory to \
             spec.allowedValuePaths of FlashClass esp32 (flashPod.allowedValuePaths of the operator's chart)"
        );
    }

    #[rstest]
    #[case::firmware(
        "{allowedFirmware: ['registry.example.org/*']}",
        "",
        "FirmwareNotAllowed: FlashClass esp32"
    )]
    #[case::image(
        "{allowedFlashImages: ['registry.example.org/*']}",
        "flashjobPodImage: 'registry.example.com/x:1'",
        "ImageNotAllowed: FlashClass esp32"
    )]
    #[case::device(
        "{deviceFilter: {matchProperties: {DEVICE: esp32}}}",
        "",
        "DeviceNotAllowed: FlashClass esp32"
    )]
    #[case::a_class_that_is_none(
        "{allowedFirmware: ['a*b']}",
        "",
        "spec.allowedFirmware[0]: Invalid value: \"a*b\": must be an OCI reference, or the beginning of one"
    )]
    #[case::a_class_that_only_the_operator_refuses(
        "{workload: {volumeTypes: [hostPath]}}",
        "",
        "FlashClassInvalid: FlashClass esp32"
    )]
    #[case::a_class_whose_values_the_chart_does_not_know(
        "{defaults: {values: {nodeSelectr: {zone: lab}}}}",
        "",
        "spec.defaults.values: /nodeSelectr: the chart's values.schema.json has no such key"
    )]
    #[case::another_class(
        "{}",
        "flashClassName: lab",
        "holds FlashClass esp32, but spec.flashClassName of the FlashJob is lab"
    )]
    fn what_the_class_does_not_allow_is_said_and_nothing_is_rendered(
        #[case] class: &str,
        #[case] job: &str,
        #[case] says: &str,
    ) {
        let error = render(class, job, false).unwrap_err();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn an_unknown_part_of_an_object_and_another_kind_for_the_instance_are_said() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let spec =
            "spec: {uuid: [7e4a6e7b-bee6-4fac-bdea-43d671baaa15], firmware: f, version: '1'}";
        let rendered = |job: &std::path::Path, instance: &std::path::Path| {
            let line = [
                "render".into(),
                "--flashjob".into(),
                job.to_owned(),
                "--instance".into(),
                instance.to_owned(),
            ];
            let rendered = Line::parse_from(line)
                .render
                .render_device("default", job, instance);
            rendered.expect_err("refused").to_string()
        };
        let job = file(
            "job.yaml",
            &format!("kind: FlashJob\nmetadata: {{name: a}}\nspecs: 1\n{spec}\n"),
        );
        assert!(rendered(&job, &job).ends_with("the FlashJob is invalid:\n* specs: unknown field"));
        let job = file(
            "job.yaml",
            &format!("kind: FlashJob\nmetadata: {{name: a}}\n{spec}\n"),
        );
        let said = rendered(&job, &job);
        assert!(
            said.ends_with("job.yaml: kind: Invalid value: \"FlashJob\": must be \"Instance\""),
            "{said}"
        );
    }

    #[test]
    fn what_the_guard_refuses_has_a_line_for_each_finding() {
        let class = "{allowedValuePaths: [/securityContext, /extraVolumes]}";
        let job = "values: {securityContext: {privileged: true, capabilities: {add: [SYS_ADMIN]}}, \
                   extraVolumes: [{name: node, hostPath: {path: /}}]}";
        let error = render(class, job, false).unwrap_err();
        assert!(error.starts_with("GuardRefused: "), "{error}");
        let findings: Vec<&str> = error.lines().collect();
        assert!(findings.len() >= 3, "{error}");
        for finding in findings {
            assert!(finding.contains("/spec/"), "{finding} in\n{error}");
        }
    }

    #[test]
    fn another_version_of_the_kind_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("job.yaml");
        let of_tomorrow = "apiVersion: application.flashjob.nbfc.io/v9\nkind: FlashJob\n";
        std::fs::write(&file, format!("{of_tomorrow}{}", JOB.replace("MORE", ""))).unwrap();
        let line = ["render", "--flashjob", "x", "--instance", "y"];
        let rendered = Line::parse_from(line)
            .render
            .render_device("default", &file, &file);
        let error = rendered.unwrap_err().to_string();
        let words = "apiVersion: Invalid value: \"application.flashjob.nbfc.io/v9\": must be";
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn rules_about_namespaces_are_not_asked() {
        let class = "{allowedJobNamespaces: {from: Same}, deviceNamespaces: {from: Same}}";
        assert!(render(class, "", false).is_ok());
    }
}
