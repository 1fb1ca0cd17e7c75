-- A device's account on the broker, and what became of a dead letter afterwards.
-- depends: 0005.readers

-- As a line of mosquitto's password file has it ($7$iterations$salt$hash); the clear text is kept nowhere.
ALTER TABLE devices ADD COLUMN mqtt_password_hash text;

-- A replayed dead letter stays, with when it went through again and as which reports ('DEVICE TIME').
-- Refused for good is what has no replayed_at: ledger.rejected less the replayed rows of scope 'report'.
ALTER TABLE rejected ADD COLUMN replayed_at timestamptz, ADD COLUMN replayed_as text[];
CREATE INDEX rejected_waiting ON rejected (received_at) WHERE replayed_at IS NULL;
