/// The trail's tables, for a service's migrations.
enum AuditSchema {
    /// - `audit_entries` is append-only: its triggers refuse everything but INSERT.
    /// - `audit_head` is the newest record once more: who cuts off the end of the trail is found by it. Its row lock
    ///   is what puts writers in line.
    static let version1 = """
        CREATE TABLE audit_entries (
            number      bigint      PRIMARY KEY CHECK (number > 0),
            recorded_at timestamptz NOT NULL,
            actor       text        NOT NULL CHECK (actor <> ''),
            action      text        NOT NULL CHECK (action <> ''),
            subject     text        NOT NULL,
            reason      text        NOT NULL,
            before      text        CHECK (before IS NULL OR before::json IS NOT NULL),
            after       text        CHECK (after IS NULL OR after::json IS NOT NULL),
            digest      bytea       NOT NULL CHECK (octet_length(digest) = 32)
        );
        CREATE INDEX audit_entries_by_subject ON audit_entries (subject, number);

        CREATE TABLE audit_head (
            singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
            number    bigint  NOT NULL CHECK (number >= 0),
            digest    bytea   NOT NULL CHECK (octet_length(digest) = 32)
        );
        INSERT INTO audit_head (number, digest) VALUES (0, decode(repeat('00', 32), 'hex'));

        CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit trail is append-only: % on % refused', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END $$;
        CREATE FUNCTION audit_step() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.number <= OLD.number THEN
                RAISE EXCEPTION 'the audit trail does not go back from % to %', OLD.number, NEW.number
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER audit_entries_rows BEFORE UPDATE OR DELETE ON audit_entries
            FOR EACH ROW EXECUTE FUNCTION audit_refuse();
        CREATE TRIGGER audit_entries_all BEFORE TRUNCATE ON audit_entries
            FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
        CREATE TRIGGER audit_head_rows BEFORE DELETE ON audit_head
            FOR EACH ROW EXECUTE FUNCTION audit_refuse();
        CREATE TRIGGER audit_head_all BEFORE TRUNCATE ON audit_head
            FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
        CREATE TRIGGER audit_head_steps BEFORE UPDATE ON audit_head
            FOR EACH ROW EXECUTE FUNCTION audit_step();
        """
}
