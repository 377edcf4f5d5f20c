-- How much a tenant may store, and what it is charged for. A tenant without a row is not held to anything.
CREATE TABLE quotas (
    tenant     text        PRIMARY KEY CHECK (tenant ~ '^[a-z0-9-]{1,63}$'),
    byte_limit bigint      NOT NULL CHECK (byte_limit >= 0),
    used_bytes bigint      NOT NULL CHECK (used_bytes >= 0),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What a row is charged for, in bytes: an upload under way what it declared, a file its size until its bytes are gone.
CREATE FUNCTION upload_charge(state text, declared_size bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN state IN ('PENDING', 'ACTIVE', 'COMPLETING') THEN coalesce(declared_size, 0) ELSE 0 END
$$;
CREATE FUNCTION file_charge(state text, size bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN state = 'PURGED' THEN 0 ELSE size END
$$;

-- Charged by triggers, so that no statement that moves a row can forget it. Nothing is charged below zero: a count that is wrong
-- must not keep a purge from ending; the consistency check finds it. With a `need` so much must be free.
CREATE FUNCTION charge_quota(charged text, delta bigint, need bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE quotas SET used_bytes = greatest(0, used_bytes + delta), updated_at = clock_timestamp()
     WHERE tenant = charged AND (need IS NULL OR used_bytes + need <= byte_limit);
    IF NOT FOUND AND need IS NOT NULL AND EXISTS (SELECT 1 FROM quotas WHERE tenant = charged) THEN
        RAISE EXCEPTION 'the quota of the tenant is used up'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'quota_limit';
    END IF;
END
$$;
-- An upload that does not say how much it brings begins as long as a byte is free.
CREATE FUNCTION charge_upload() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM charge_quota(NEW.tenant, upload_charge(NEW.state, NEW.declared_size)
            - upload_charge(OLD.state, OLD.declared_size), NULL);
    ELSIF NEW.state = 'PENDING' THEN
        PERFORM charge_quota(NEW.tenant, upload_charge(NEW.state, NEW.declared_size), coalesce(NEW.declared_size, 1));
    END IF;
    RETURN NULL;
END
$$;
-- A file whose size was declared was held to the limit when its upload began; one that was not is held to it now.
CREATE FUNCTION charge_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM charge_quota(NEW.tenant, file_charge(NEW.state, NEW.size) - file_charge(OLD.state, OLD.size), NULL);
    ELSE
        PERFORM charge_quota(NEW.tenant, file_charge(NEW.state, NEW.size),
            (SELECT NEW.size FROM uploads WHERE id = NEW.upload_id AND declared_size IS NULL));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER uploads_charged AFTER INSERT ON uploads FOR EACH ROW EXECUTE FUNCTION charge_upload();
CREATE TRIGGER uploads_recharged AFTER UPDATE OF state ON uploads FOR EACH ROW
    WHEN (upload_charge(OLD.state, OLD.declared_size) <> upload_charge(NEW.state, NEW.declared_size)) EXECUTE FUNCTION charge_upload();
CREATE TRIGGER files_charged AFTER INSERT ON files FOR EACH ROW EXECUTE FUNCTION charge_file();
CREATE TRIGGER files_recharged AFTER UPDATE OF state ON files FOR EACH ROW
    WHEN (file_charge(OLD.state, OLD.size) <> file_charge(NEW.state, NEW.size)) EXECUTE FUNCTION charge_file();
