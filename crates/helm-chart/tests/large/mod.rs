//! The largest things that are read and rendered, for the test of what they cost in memory and the measurement of their time.

use std::fmt::Write as _;

use helm_chart::engine::Release;
use helm_chart::{Chart, File};

/// A chart of these files.
pub fn chart(files: &[(&str, &str)]) -> Chart {
    let metadata = ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    let files = files.iter().chain([&metadata]).map(|(name, text)| File {
        name: (*name).to_owned(),
        data: text.as_bytes().to_vec(),
    });
    Chart::from_files(files.collect()).unwrap()
}

/// A release that is installed.
pub fn release() -> Release {
    Release {
        name: "flash-1".to_owned(),
        namespace: "lab".to_owned(),
        revision: 1,
        is_install: true,
        is_upgrade: false,
    }
}

/// Five megabytes of values such as charts have.
pub fn five_megabytes() -> String {
    let mut text = String::new();
    let mut number = 0;
    while text.len() < 5_000_000 {
        number += 1;
        let _ = write!(
            text,
            "service{number}:\n  image: \"registry.example.org/some/image:1.{number}\"\n  replicas: {number}\n  enabled: yes\n  \
             ports: [80, 443]\n  labels: {{app: a{number}, tier: backend}}\n"
        );
    }
    text
}

/// Forty thousand definitions of templates, `t0` to `t39999`.
pub fn defines() -> String {
    let define = "{{ define \"t{}\" }}{{ .Values.a }}{{ end }}";
    let numbers = 0..40_000_usize;
    numbers
        .map(|number| define.replace("{}", &number.to_string()))
        .collect()
}
