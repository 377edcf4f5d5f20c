-- The same charges for less. A condition of a trigger is planned anew by each statement, and what PL/pgSQL calls as a query costs more than
-- the update itself: so a charge is one statement of its trigger, and a tenant without a quota is looked for once.
CREATE OR REPLACE FUNCTION charge_upload() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    delta   bigint := upload_charge(NEW.state, NEW.declared_size);
    is_over boolean;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        delta := delta - upload_charge(OLD.state, OLD.declared_size);
        IF delta <> 0 THEN
            UPDATE quotas SET used_bytes = greatest(0, used_bytes + delta), updated_at = clock_timestamp()
             WHERE tenant = NEW.tenant;
        END IF;
    ELSIF NEW.state = 'PENDING' THEN
        UPDATE quotas SET used_bytes = used_bytes + delta, updated_at = clock_timestamp() WHERE tenant = NEW.tenant
        RETURNING used_bytes + CASE WHEN NEW.declared_size IS NULL THEN 1 ELSE 0 END > byte_limit INTO is_over;
        IF is_over THEN
            RAISE EXCEPTION 'the quota of the tenant is used up'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'quota_limit';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION charge_file() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    delta   bigint := file_charge(NEW.state, NEW.size);
    is_over boolean;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        delta := delta - file_charge(OLD.state, OLD.size);
        IF delta <> 0 THEN
            UPDATE quotas SET used_bytes = greatest(0, used_bytes + delta), updated_at = clock_timestamp()
             WHERE tenant = NEW.tenant;
        END IF;
    ELSE
        UPDATE quotas SET used_bytes = used_bytes + delta, updated_at = clock_timestamp() WHERE tenant = NEW.tenant
        RETURNING used_bytes > byte_limit INTO is_over;
        IF is_over THEN
            PERFORM FROM uploads WHERE id = NEW.upload_id AND declared_size IS NULL;
            IF FOUND THEN
                RAISE EXCEPTION 'the quota of the tenant is used up'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'quota_limit';
            END IF;
        END IF;
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER uploads_recharged AFTER UPDATE OF state ON uploads FOR EACH ROW EXECUTE FUNCTION charge_upload();
CREATE OR REPLACE TRIGGER files_recharged AFTER UPDATE OF state ON files FOR EACH ROW EXECUTE FUNCTION charge_file();
DROP FUNCTION charge_quota;
