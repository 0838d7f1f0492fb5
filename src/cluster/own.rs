//! Addresses of the cluster itself, as far as a process is told: of the API server and of the Services that its Pod knows. Pure.

use std::net::Ipv4Addr;

/// Ends the name of a variable by which Kubernetes tells a Pod of a Service: that of the API server is always there.
const SERVICE: &str = "_SERVICE_HOST";

/// The host that the client connects to, and what the environment says of Services.
#[must_use]
pub fn addresses(
    host: Option<&str>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Vec<Ipv4Addr> {
    let services = environment
        .into_iter()
        .filter(|(name, _)| name.ends_with(SERVICE))
        .filter_map(|(_, value)| value.parse().ok());
    let host = host.and_then(|host| host.parse().ok());
    host.into_iter().chain(services).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_and_the_services_that_a_pod_is_told_of_are_the_cluster_s() {
        let environment = [
            ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
            ("WEBHOOK_SERVICE_HOST", "10.96.7.7"),
            ("IPV6_SERVICE_HOST", "fd00::1"),
            ("KUBERNETES_SERVICE_PORT", "443"),
            ("HOST_ENDPOINT", "192.0.2.7"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let own = addresses(Some("198.51.100.1"), environment.clone());
        let octets: Vec<_> = own.iter().map(ToString::to_string).collect();
        assert_eq!(octets, ["198.51.100.1", "10.96.0.1", "10.96.7.7"]);
        assert_eq!(addresses(Some("api.example.org"), environment).len(), 2);
        assert!(addresses(None, []).is_empty());
    }
}
