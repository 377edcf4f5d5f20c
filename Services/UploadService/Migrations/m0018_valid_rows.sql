-- Beside everybody who reads and writes. Nothing is found: the constraints before said the same.
ALTER TABLE uploads VALIDATE CONSTRAINT uploads_row;
ALTER TABLE files VALIDATE CONSTRAINT files_row;
