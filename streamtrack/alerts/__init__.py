"""Events to whoever does not subscribe: webhooks and MQTT, filtered, snoozed, queued and tried again."""
