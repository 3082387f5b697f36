"""What an operator watches: health, metrics, queues, the API description."""
