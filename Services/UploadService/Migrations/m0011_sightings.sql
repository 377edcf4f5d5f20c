-- What a restored database has brought back of sightings is no evidence: it is of objects as they were in another epoch, and whoever gave
-- them their rows since is forgotten.
ALTER TABLE orphan_sightings ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
