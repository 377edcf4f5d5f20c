import CRdkafka

/// Owns one `rd_kafka_conf_t` until a handle has taken it over.
struct Configuration: ~Copyable {
    private let raw: OpaquePointer

    /// - Throws: the first entry the library does not accept; a secret value is not repeated in the message.
    init(_ settings: KafkaSettings) throws(KafkaError) {
        guard let conf = rd_kafka_conf_new() else {
            throw KafkaError(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, message: "no memory for a configuration")
        }
        for (name, value) in settings.entries.sorted(by: { $0.key < $1.key }) {
            if let problem = Self.set(conf, name, value) {
                rd_kafka_conf_destroy(conf)
                throw .invalidSetting(problem)
            }
        }
        raw = conf
    }

    deinit { rd_kafka_conf_destroy(raw) }

    func reportDeliveries(
        to callback:
            @escaping @convention(c) (
                OpaquePointer?, UnsafePointer<rd_kafka_message_t>?, UnsafeMutableRawPointer?
            ) -> Void
    ) {
        rd_kafka_conf_set_dr_msg_cb(raw, callback)
    }

    func reportRebalances() {
        rd_kafka_conf_set_rebalance_cb(raw, Callbacks.rebalance)
        rd_kafka_conf_set_offset_commit_cb(raw, Callbacks.commit)
    }

    /// The caller owns the handle and destroys it with ``destroy(_:context:)``.
    consuming func makeHandle(
        _ type: rd_kafka_type_t,
        context: HandleContext
    ) throws(KafkaError) -> OpaquePointer {
        // The handle's reference: logs arrive from the library's threads until the handle is destroyed.
        let opaque = Unmanaged.passRetained(context)
        rd_kafka_conf_set_opaque(raw, opaque.toOpaque())
        rd_kafka_conf_set_log_cb(raw, Callbacks.log)
        rd_kafka_conf_set_error_cb(raw, Callbacks.error)
        rd_kafka_conf_set_stats_cb(raw, Callbacks.statistics)
        var text = [CChar](repeating: 0, count: 512)
        guard let handle = rd_kafka_new(type, raw, &text, text.count) else {
            opaque.release()
            _ = consume self  // frees the configuration
            throw .invalidSetting(String(nulTerminated: text))
        }
        discard self  // rd_kafka_new takes the configuration only when it succeeds
        return handle
    }

    /// Blocks until the library's threads have ended. Not from a callback, not from a cooperative thread.
    static func destroy(_ handle: OpaquePointer, context: HandleContext) {
        rd_kafka_destroy(handle)
        Unmanaged.passUnretained(context).release()
    }

    private static func set(_ conf: OpaquePointer, _ name: String, _ value: String) -> String? {
        if name.utf8.contains(0) || value.utf8.contains(0) { return "\(name): contains a NUL byte" }
        var text = [CChar](repeating: 0, count: 512)
        if rd_kafka_conf_set(conf, name, value, &text, text.count) == RD_KAFKA_CONF_OK { return nil }
        return KafkaSettings.isSecret(name)
            ? "\(name): the value is not accepted" : String(nulTerminated: text)
    }
}
