CREATE TABLE `notes` (
	`id` int AUTO_INCREMENT NOT NULL,
	`text` text NOT NULL,
	CONSTRAINT `notes_id` PRIMARY KEY(`id`)
);
