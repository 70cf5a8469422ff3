//! Derives the service and the process from a name such as `users.on_order_created`.

/// The process of a pattern, listener or relay: its name with a dash for each dot and underscore. Its binary, its database
/// role and its account at the broker have the same name.
pub fn process_name(name: &str) -> String {
    name.replace(['.', '_'], "-")
}

/// The service of a pattern, listener or relay: the part before the first dot.
pub fn service(name: &str) -> &str {
    name.split_once('.').map_or(name, |(service, _)| service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_and_service_follow_from_the_name() {
        assert_eq!(process_name("users.on_order_created"), "users-on-order-created");
        assert_eq!(service("users.on_order_created"), "users");
        assert_eq!(service("gateway"), "gateway");
    }
}
