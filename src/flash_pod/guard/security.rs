//! Security contexts at Pod Security *baseline*, field by field.

use serde_json::Value;

use helm_chart::pointer::Pointer;

use super::HostAccess;
use super::shape::{Field, Rule, Shape, Visit, may, must, shorten};

/// Capabilities that *baseline* lets a container add.
const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Sysctls that concern the Pod alone.
const SYSCTLS: [&str; 10] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
];
const SELINUX_TYPES: [&str; 5] = [
    "",
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
];

/// `spec.securityContext` of a Pod.
pub(super) const POD: Shape = Shape::Fields(&[
    may("fsGroup", Shape::Integer),
    may("fsGroupChangePolicy", Shape::Text),
    may("runAsUser", Shape::Integer),
    may("runAsGroup", Shape::Integer),
    may("runAsNonRoot", Shape::Bool),
    may("supplementalGroups", Shape::Each(&Shape::Integer)),
    may("supplementalGroupsPolicy", Shape::Text),
    may("seccompProfile", PROFILE),
    may("appArmorProfile", PROFILE),
    may("seLinuxOptions", SELINUX),
    may(
        "sysctls",
        Shape::Each(&Shape::Fields(&[
            must("name", Shape::Ruled(&Shape::Text, sysctl)),
            must("value", Shape::Text),
        ])),
    ),
]);

/// `securityContext` of a container.
pub(super) const CONTAINER: Shape = Shape::Fields(&[
    may("allowPrivilegeEscalation", Shape::Bool),
    may("privileged", Shape::Ruled(&Shape::Bool, privileged)),
    may("readOnlyRootFilesystem", Shape::Bool),
    may("runAsUser", Shape::Integer),
    may("runAsGroup", Shape::Integer),
    may("runAsNonRoot", Shape::Bool),
    may("procMount", Shape::Ruled(&Shape::Text, proc_mount)),
    may(
        "capabilities",
        Shape::Fields(&[
            may("add", Shape::Each(&Shape::Ruled(&Shape::Text, capability))),
            may("drop", Shape::Each(&Shape::Text)),
        ]),
    ),
    may("seccompProfile", PROFILE),
    may("appArmorProfile", PROFILE),
    may("seLinuxOptions", SELINUX),
]);

const PROFILE: Shape = Shape::Fields(PROFILE_FIELDS);
const PROFILE_FIELDS: &[Field] = &[
    must("type", Shape::Ruled(&Shape::Text, profile)),
    may("localhostProfile", Shape::Text),
];
const SELINUX: Shape = Shape::Fields(&[
    may("type", Shape::Ruled(&Shape::Text, selinux_type)),
    may("level", Shape::Text),
    may("user", Shape::Ruled(&Shape::Text, selinux_name)),
    may("role", Shape::Ruled(&Shape::Text, selinux_name)),
]);

fn privileged(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    if value == true {
        kernel(visit, place, "a privileged container");
    }
}

fn proc_mount(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    allow(visit, place, value, &["Default"], "procMount");
}

fn capability(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    allow(visit, place, value, &CAPABILITIES, "capability");
}

fn profile(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    allow(
        visit,
        place,
        value,
        &["RuntimeDefault", "Localhost"],
        "profile",
    );
}

fn sysctl(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    allow(visit, place, value, &SYSCTLS, "sysctl");
}

fn selinux_type(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    allow(visit, place, value, &SELINUX_TYPES, "SELinux type");
}

fn selinux_name(visit: &mut Visit<'_>, place: &Pointer, value: &Value) {
    allow(visit, place, value, &[""], "SELinux name");
}

fn allow(visit: &mut Visit<'_>, place: &Pointer, value: &Value, allowed: &[&str], what: &str) {
    if let Some(text) = value.as_str()
        && !allowed.contains(&text)
    {
        kernel(visit, place, &format!("{what} {:?}", shorten(text)));
    }
}

/// Refuses what reaches the node's kernel, unless the administrator allows that.
pub(super) fn kernel(visit: &mut Visit<'_>, place: &Pointer, what: &str) {
    refuse_host(visit, HostAccess::Kernel, place, what);
}

/// A field that must be false unless the administrator allows `access`.
pub(super) const fn off_unless(access: HostAccess) -> Rule {
    match access {
        HostAccess::Network => |visit, place, value| off(visit, HostAccess::Network, place, value),
        HostAccess::Processes => {
            |visit, place, value| off(visit, HostAccess::Processes, place, value)
        }
        HostAccess::Paths => |visit, place, value| off(visit, HostAccess::Paths, place, value),
        HostAccess::Kernel => |visit, place, value| off(visit, HostAccess::Kernel, place, value),
    }
}

fn off(visit: &mut Visit<'_>, access: HostAccess, place: &Pointer, value: &Value) {
    if value == true {
        refuse_host(visit, access, place, "this part of the node");
    }
}

/// Refuses `what` unless the administrator allows `access`.
pub(super) fn refuse_host(visit: &mut Visit<'_>, access: HostAccess, place: &Pointer, what: &str) {
    if !visit.policy.allows(access) {
        visit.refuse(
            place,
            format!("{what} is beyond Pod Security baseline and not allowed"),
        );
    }
}
