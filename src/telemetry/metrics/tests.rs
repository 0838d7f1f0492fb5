use super::*;

#[test]
fn what_was_counted_is_shown() {
    let metrics = Metrics::default();
    metrics.reconciled("ok", Duration::from_millis(3));
    metrics.clone().api_write("create", "Pod", "ok");
    metrics.release("native", "install", "ok");
    metrics.flashed("Succeeded", Duration::from_secs(42));
    metrics.leading(true);
    metrics.status_written(10);
    let text = metrics.encode().expect("text");
    for line in [
        r#"flashjob_reconciles_total{outcome="ok"} 1"#,
        r#"flashjob_api_writes_total{verb="create",kind="Pod",outcome="ok"} 1"#,
        r#"flashjob_release_operations_total{engine="native",operation="install",outcome="ok"} 1"#,
        r#"flashjob_flash_seconds_bucket{le="60.0",outcome="Succeeded"} 1"#,
        "flashjob_leader 1",
        "flashjob_status_written_bytes_total 10",
        concat!(
            r#"flashjob_build_info{version=""#,
            env!("CARGO_PKG_VERSION"),
            r#""} 1"#
        ),
    ] {
        assert!(text.lines().any(|one| one == line), "{line} not in\n{text}");
    }
}

#[test]
fn devices_are_summed_over_jobs_and_go_with_them() {
    let metrics = Metrics::default();
    let shown = || {
        let text = metrics.encode().expect("text");
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("flashjob_devices{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    metrics.devices(&"a".into(), [(("Flashing", "Flashing"), 3)].into());
    metrics.devices(&"b".into(), [(("Flashing", "Flashing"), 2)].into());
    assert_eq!(shown(), [r#"phase="Flashing",reason="Flashing"} 5"#]);
    metrics.devices(&"a".into(), [(("Flashing", "Flashing"), 1)].into());
    assert_eq!(shown(), [r#"phase="Flashing",reason="Flashing"} 3"#]);
    metrics.devices(&"a".into(), [(("Waiting", "AddressPending"), 4)].into());
    metrics.forget_devices(&"b".into());
    assert_eq!(shown(), [r#"phase="Waiting",reason="AddressPending"} 4"#]);
    metrics.forget_devices(&"a".into());
    metrics.forget_devices(&"never known".into());
    assert_eq!(shown(), <[&str; 0]>::default());
}

#[test]
fn the_first_verdict_is_an_increase() {
    let metrics = Metrics::default();
    metrics.expect_verdicts("Failed", ["Evicted"]);
    let line = r#"flashjob_verdicts_total{phase="Failed",reason="Evicted"}"#;
    assert!(
        metrics
            .encode()
            .expect("text")
            .contains(&format!("{line} 0"))
    );
    metrics.verdicts([(("Failed", "Evicted"), 1)].into());
    assert!(
        metrics
            .encode()
            .expect("text")
            .contains(&format!("{line} 1"))
    );
}
